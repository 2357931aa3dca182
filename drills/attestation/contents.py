"""Each file against its digest, and the record and the report against the ledger that they were computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version

import orjson
from pydantic import BaseModel

from drills.attestation.deviation import Deviation
from drills.attestation.reading import Evidence
from drills.canonical import digest_of_bytes
from drills.errors import DrillError, PublicationRefused
from drills.evidence.attesting import ATTESTATIONS
from drills.evidence.ledger import GENESIS
from drills.evidence.manifest import MANIFEST, PublishedFile, describe
from drills.evidence.publication import LEDGER, RECORD
from drills.evidence.records import Artefact, LedgerEntry
from drills.report.render import render_report
from drills.verdict.judge import judge

#: What judging or rendering ends with where a forger wrote something that no drill would have written.
UNFIT = (DrillError, ArithmeticError, LookupError, TypeError, ValueError)
THIS = "khala-drills"
#: The one section of a report that speaks of another drill, which need not be at hand.
COMPARISON = "Changed since the last drill"
#: The section that says who signed, which only the manifest knows.
SIGNATURE = "Do it again, check it"


def altered_files(evidence: Evidence) -> Iterator[Deviation]:
    """Yield what is missing, added, or not what the manifest says."""
    manifest = evidence.manifest
    if manifest is None:
        return
    if manifest.name != evidence.folder.name:
        yield Deviation(MANIFEST, f"is that of {manifest.name}")
    if evidence.report is not None:
        yield from _altered(evidence.report_name, evidence.report, manifest.report)
    for file in manifest.files:
        content = evidence.files.get(file.path)
        if content is None:
            yield Deviation(file.path, f"is missing, which {MANIFEST} names")
        else:
            yield from _altered(file.path, content, file)
    known = {MANIFEST, *(file.path for file in manifest.files), *(ATTESTATIONS if manifest.signed_by else ())}
    yield from (Deviation(name, "was added") for name in sorted(evidence.files.keys() - known))


def _altered(name: str, content: bytes, file: PublishedFile) -> Iterator[Deviation]:
    try:
        found = describe(name, content)
    except PublicationRefused as error:
        yield Deviation(name, f"could never have been published: {error.message}")
        return
    if found != file:
        yield Deviation(name, f"was altered: it is {_facts(found)}, {MANIFEST} says {_facts(file)}")


def _facts(file: PublishedFile) -> str:
    return f"{file.path}, {file.media_type}, {file.size} bytes, {file.sha256}"


def broken_chain(evidence: Evidence) -> Iterator[Deviation]:
    """Yield where the ledger does not end as manifest and record say."""
    if evidence.entries is None:
        return
    head = (evidence.entries[-1].hash if evidence.entries else GENESIS, len(evidence.entries))
    for name, owner in ((MANIFEST, evidence.manifest), (RECORD, evidence.record)):
        if owner is not None and head != (owner.ledger_head, owner.ledger_entries):
            yield Deviation(LEDGER, f"does not end where {name} says")


def other_artefacts(evidence: Evidence) -> Iterator[Deviation]:
    """Yield the files that are not what the ledger kept, whatever the manifest says of them."""
    for artefact in _artefacts(evidence.entries or ()):
        content = evidence.files.get(artefact.path)
        if content is not None and digest_of_bytes(content) != artefact.sha256:
            yield Deviation(artefact.path, f"is not the file that {LEDGER} speaks of")
        if content is None and evidence.manifest is not None and not _is_named(evidence, artefact.path):
            yield Deviation(artefact.path, f"is missing, which {LEDGER} speaks of")


def _artefacts(entries: Sequence[LedgerEntry]) -> Iterator[Artefact]:
    return (entry.fact for entry in entries if isinstance(entry.fact, Artefact))


def _is_named(evidence: Evidence, path: str) -> bool:
    return evidence.manifest is not None and path in {file.path for file in evidence.manifest.files}


def other_verdicts(evidence: Evidence) -> Iterator[Deviation]:
    """Yield every field of the record that is not what the ledger gives when it is judged again."""
    if evidence.entries is None:
        return
    try:
        again = _plain(judge(evidence.entries))
    except UNFIT as error:
        yield Deviation(LEDGER, f"cannot be judged: {type(error).__name__}")
        return
    published = _plain(evidence.record) if evidence.record else {}
    for name, value in published.items():
        if value != again[name]:
            yield Deviation(RECORD, f"says '{name}' otherwise than {LEDGER}{_by_another_version(evidence)}")


def _by_another_version(evidence: Evidence) -> str:
    """Return the words that tell a change of this program from a change of the evidence, as far as that can be told."""
    theirs, ours = (evidence.record.versions if evidence.record else {}).get(THIS), version(THIS)
    return "" if theirs in {None, ours} else f" as {THIS} {ours} has it: verify with {theirs}, which wrote it"


def _plain(record: BaseModel) -> dict[str, object]:
    """Return a record as JSON holds it, where NaN is a word and equal to itself."""
    plain: dict[str, object] = orjson.loads(record.model_dump_json())
    return plain


def other_words(evidence: Evidence) -> Iterator[Deviation]:
    """Yield every section of the report that is not what the record gives when it is rendered again."""
    if evidence.report is None or evidence.record is None:
        return
    signed_by = evidence.manifest.signed_by if evidence.manifest else None
    left_out = {COMPARISON} if evidence.manifest else {COMPARISON, SIGNATURE}
    published = _sections(evidence.report.decode("utf-8", "replace"))
    try:
        again = _sections(render_report(evidence.record, folder=evidence.folder.name, signed_by=signed_by))
    except UNFIT as error:
        yield Deviation(RECORD, f"cannot be rendered: {type(error).__name__}")
        return
    for heading in sorted((published.keys() | again.keys()) - left_out):
        if published.get(heading) != again.get(heading):
            words = f"does not say under '{heading}' what {RECORD} says{_by_another_version(evidence)}"
            yield Deviation(evidence.report_name, words)


def _sections(markdown: str) -> dict[str, str]:
    """Return the sections of a report by heading; what stands before the first is its head."""
    head, *rest = f"\n{markdown}".split("\n## ")
    return {"head": head.rstrip()} | {
        heading: body.rstrip() for heading, _, body in (part.partition("\n") for part in rest)
    }
