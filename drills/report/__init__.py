"""Pages a reviewer reads, computed from the record alone: ``render`` for documents, ``plots`` for metric pictures."""
