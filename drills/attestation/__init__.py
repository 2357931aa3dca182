"""Whether published evidence is what it was when it was published, and whether its verdicts follow from it.

Everything is computed offline from the report and its folder: digests from the manifest, the ledger's chain, the
record from the ledger, the words of the report from the record, and what was signed from record and manifest.
"""

from __future__ import annotations

from drills.attestation.deviation import Deviation
from drills.attestation.examination import Examination, examine, verify

__all__ = ["Deviation", "Examination", "examine", "verify"]
