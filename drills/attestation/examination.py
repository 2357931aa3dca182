"""The whole of a verification: every check is made, and every deviation is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drills.attestation.contents import altered_files, broken_chain, other_artefacts, other_verdicts, other_words
from drills.attestation.deviation import Deviation
from drills.attestation.links import Links, follow
from drills.attestation.reading import Evidence, read_evidence
from drills.attestation.signature import Signature, check_signature
from drills.errors import IntegrityBroken
from drills.evidence.drill_record import DrillRecord
from drills.evidence.provenance import knows_commit
from drills.evidence.publication import RECORD
from drills.evidence.signing import PublicKey

CHECKS = (altered_files, broken_chain, other_artefacts, other_verdicts, other_words)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was held against what. ``record`` is None where there is none to read.

    ``commit`` says whether the commit under drill was found in the repository around the evidence.
    """

    name: str
    record: DrillRecord | None
    files: int
    entries: int
    links: Links
    commit: str
    signature: Signature
    signed_by: str | None
    deviations: tuple[Deviation, ...]


def examine(place: Path, key: PublicKey | None = None) -> Examination:
    """Hold a report and its folder against everything they follow from; ``place`` is either of them.

    With a ``key`` the publication must be signed by it.

    Raises:
        RunNotFound: there is no published drill at ``place``.
    """
    evidence = read_evidence(place)
    links = follow(evidence)
    signature, unsigned = check_signature(evidence, key)
    commit, unknown = _commit(evidence)
    found = [deviation for check in CHECKS for deviation in check(evidence)]
    return Examination(
        name=evidence.folder.name,
        record=evidence.record,
        files=len(evidence.files) + (evidence.report is not None),
        entries=len(evidence.entries or ()),
        links=links,
        commit=commit,
        signature=signature,
        signed_by=evidence.manifest.signed_by if evidence.manifest else None,
        deviations=tuple(dict.fromkeys([*evidence.problems, *found, *links.astray, *unknown, *unsigned])),
    )


def verify(place: Path, key: PublicKey | None = None) -> Examination:
    """Examine ``place`` and return what was seen, if nothing deviates.

    Raises:
        RunNotFound: there is no published drill at ``place``.
        IntegrityBroken: something is missing, extra, altered, or does not follow from the evidence; all of it is named.
    """
    examination = examine(place, key)
    if examination.deviations:
        lines = "\n".join(f"  - {deviation}" for deviation in examination.deviations)
        raise IntegrityBroken(
            f"{examination.name} is not as it was published:\n{lines}", remedy="fetch the original evidence"
        )
    return examination


def _commit(evidence: Evidence) -> tuple[str, tuple[Deviation, ...]]:
    """Return what is known here of the commit under drill; it is a deviation only where it should be known."""
    provenance = evidence.record.provenance if evidence.record else None
    if provenance is None or provenance.commit is None:
        return "not checked: the record names none", ()
    sha = provenance.commit.sha
    known = knows_commit(evidence.folder.parent, sha, provenance.remote_url)
    if known is None:
        return "not checked: this copy is not in the repository that was drilled, or its history is cut short", ()
    if known:
        return f"{sha} is in this repository", ()
    return "not in this repository", (Deviation(RECORD, f"names commit {sha}, which is not in this repository"),)
