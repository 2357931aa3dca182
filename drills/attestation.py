"""Whether published evidence is what it was when it was published, and whether its verdicts follow from it.

Everything is computed offline from the report and its folder: digests from the manifest, the ledger's chain, the
record from the ledger, and the words of the report from the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from drills.errors import IntegrityBroken, LedgerDamaged, RunNotFound
from drills.evidence.ledger import read_ledger
from drills.evidence.manifest import MANIFEST, Manifest, PublishedFile, describe
from drills.evidence.publication import LEDGER, RECORD
from drills.evidence.records import DrillRecord, LedgerEntry
from drills.report.render import render_report
from drills.verdict.judge import judge

#: The one section of a report that speaks of another drill, which need not be at hand.
COMPARISON = "Changed since the last drill"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was held against what, without a deviation."""

    record: DrillRecord
    files: int
    entries: int


def verify(place: Path) -> Verified:
    """Verify a report and its folder; ``place`` is either of them.

    Raises:
        RunNotFound: there is no published drill at ``place``.
        IntegrityBroken: something is missing, extra, altered, or does not follow from the evidence; all of it is named.
    """
    folder = _folder(place)
    manifest = _manifest(folder)
    entries, record = _ledger(folder), _record(folder)
    deviations = [
        *_file_deviations(folder, manifest),
        *_chain_deviations(manifest, entries, record),
        *_verdict_deviations(entries, record),
        *_report_deviations(folder, record),
    ]
    if deviations:
        raise _broken(folder, deviations)
    return Verified(record, len(manifest.files) + 1, len(entries))


def _folder(place: Path) -> Path:
    folder = place.with_suffix("") if place.suffix == ".md" else place
    if not folder.is_dir():
        raise RunNotFound(f"there is no published drill at {place}", remedy="name a report or its folder")
    return folder


def _broken(folder: Path, deviations: list[str]) -> IntegrityBroken:
    lines = "\n".join(f"  - {deviation}" for deviation in deviations)
    return IntegrityBroken(f"{folder.name} is not as it was published:\n{lines}", remedy="fetch the original evidence")


def _manifest(folder: Path) -> Manifest:
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(content)
    except (OSError, ValidationError):
        raise _broken(folder, [f"{MANIFEST} is missing or is not a manifest"]) from None
    if manifest.encode() != content:
        raise _broken(folder, [f"{MANIFEST} is not written as it is when it is published"])
    return manifest


def _ledger(folder: Path) -> tuple[LedgerEntry, ...]:
    try:
        return read_ledger(folder / LEDGER)
    except LedgerDamaged as error:
        raise _broken(folder, [f"{LEDGER}: {error.message}"]) from None


def _record(folder: Path) -> DrillRecord:
    try:
        return DrillRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        raise _broken(folder, [f"{RECORD} is missing or is not a record"]) from None


def _file_deviations(folder: Path, manifest: Manifest) -> Iterator[str]:
    if manifest.name != folder.name:
        yield f"{MANIFEST} is that of {manifest.name}"
    yield from _deviation(folder.with_name(f"{folder.name}.md"), manifest.report)
    for file in manifest.files:
        yield from _deviation(folder / file.path, file)
    known = {MANIFEST, *(file.path for file in manifest.files)}
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            yield f"{path.name} was added"


def _deviation(path: Path, file: PublishedFile) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield f"{path.name} is missing, which {MANIFEST} names"
        return
    found = describe(path.name, path.read_bytes())
    if found != file:
        yield f"{path.name} was altered: it is {_facts(found)}, {MANIFEST} says {_facts(file)}"


def _facts(file: PublishedFile) -> str:
    return f"{file.path}, {file.media_type}, {file.size} bytes, {file.sha256}"


def _chain_deviations(manifest: Manifest, entries: tuple[LedgerEntry, ...], record: DrillRecord) -> Iterator[str]:
    head = (entries[-1].hash, len(entries)) if entries else ("", 0)
    if head != (manifest.ledger_head, manifest.ledger_entries):
        yield f"{LEDGER} does not end where {MANIFEST} says"
    if head != (record.ledger_head, record.ledger_entries):
        yield f"{LEDGER} does not end where {RECORD} says"


def _verdict_deviations(entries: tuple[LedgerEntry, ...], record: DrillRecord) -> Iterator[str]:
    """Yield every field of the record that is not what the ledger gives when it is judged again."""
    again = judge(entries).model_dump(mode="json")
    for name, published in record.model_dump(mode="json").items():
        if published != again[name]:
            yield f"{RECORD}: '{name}' does not follow from {LEDGER}"


def _report_deviations(folder: Path, record: DrillRecord) -> Iterator[str]:
    path = folder.with_name(f"{folder.name}.md")
    if not path.is_file():
        return
    published = _sections(path.read_text(encoding="utf-8", errors="replace"))
    again = _sections(render_report(record, folder=folder.name))
    for heading in sorted((published.keys() | again.keys()) - {COMPARISON}):
        if published.get(heading) != again.get(heading):
            yield f"{path.name}: the section '{heading}' does not say what {RECORD} says"


def _sections(markdown: str) -> dict[str, str]:
    """Return the sections of a report by heading; what stands before the first is its head."""
    head, *rest = f"\n{markdown}".split("\n## ")
    return {"head": head.rstrip()} | {
        heading: body.rstrip() for heading, _, body in (part.partition("\n") for part in rest)
    }
