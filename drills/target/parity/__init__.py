"""The drill's own parity audit: every checkpoint of the legacy lane held against Khala's read model of the document.

It reads the database itself, so that the runtime's auditor has a witness.
"""
