"""What lies at a place that is to be verified, read once: what is checked is what was read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from drills.attestation.deviation import Deviation
from drills.errors import LedgerDamaged, RunNotFound
from drills.evidence.drill_record import DrillRecord
from drills.evidence.durable import read_regular
from drills.evidence.ledger import read_valid_prefix
from drills.evidence.manifest import MANIFEST, Manifest
from drills.evidence.publication import LEDGER, RECORD
from drills.evidence.records import LedgerEntry

#: No drill publishes so much; a larger file is named and not read.
MOST_BYTES = 64 * 1024 * 1024
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The plain files of a publication, and what could be understood of them; None for what could not.

    ``problems`` are what already went wrong on the way.
    """

    folder: Path
    files: Mapping[str, bytes]
    report: bytes | None
    manifest: Manifest | None
    entries: tuple[LedgerEntry, ...] | None
    record: DrillRecord | None
    problems: tuple[Deviation, ...]

    @property
    def report_name(self) -> str:
        """The name of the Markdown file."""
        return f"{self.folder.name}.md"


def read_evidence(place: Path) -> Evidence:
    """Read the publication whose report or folder is ``place``.

    Raises:
        RunNotFound: there is nothing of a publication.
    """
    place = place.absolute()
    folder = place.with_suffix("") if place.suffix == ".md" else place
    report_path = folder.with_name(f"{folder.name}.md")
    if not any(map(os.path.lexists, (report_path, folder / MANIFEST, folder / RECORD, folder / LEDGER))):
        raise RunNotFound(f"there is no published drill at {place}", remedy="name a report or its folder")
    problems: list[Deviation] = []
    files = dict(_files(folder, problems)) if folder.is_dir() else {}
    report = _content(report_path, problems)
    return Evidence(
        folder=folder,
        files=files,
        report=report,
        manifest=_manifest(files, problems),
        entries=_entries(folder, files, problems),
        record=_record(files, problems),
        problems=tuple(problems),
    )


def _files(folder: Path, problems: list[Deviation]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        content = _content(path, problems)
        if content is not None:
            yield path.name, content


def _content(path: Path, problems: list[Deviation]) -> bytes | None:
    """Return the content of a plain file; what is none is never opened: a pipe would wait forever."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            kind = _KINDS.get(stat.S_IFMT(facts.st_mode), "a device or a pipe")
            problems.append(Deviation(path.name, f"is {kind}, not a file"))
            return None
        if facts.st_size > MOST_BYTES:
            problems.append(Deviation(path.name, f"is larger than any published file: {facts.st_size} bytes"))
            return None
        return read_regular(path)
    except FileNotFoundError:
        problems.append(Deviation(path.name, "is missing"))
    except OSError as error:
        problems.append(Deviation(path.name, f"cannot be read: {error.strerror}"))
    return None


def _manifest(files: Mapping[str, bytes], problems: list[Deviation]) -> Manifest | None:
    content = files.get(MANIFEST)
    if content is None:
        problems.append(Deviation(MANIFEST, "is missing: nothing says what was published"))
        return None
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError:
        problems.append(Deviation(MANIFEST, "is not a manifest"))
        return None
    if manifest.encode() != content:
        problems.append(Deviation(MANIFEST, "is not written as it is when it is published"))
    return manifest


def _entries(folder: Path, files: Mapping[str, bytes], problems: list[Deviation]) -> tuple[LedgerEntry, ...] | None:
    if LEDGER not in files:
        problems.append(Deviation(LEDGER, "is missing: no verdict can be computed again"))
        return None
    try:
        reading = read_valid_prefix(folder / LEDGER)
    except LedgerDamaged as error:
        problems.append(Deviation(LEDGER, f"is damaged: {error.message}"))
        return None
    if reading.damage is not None:
        problems.append(Deviation(LEDGER, f"is damaged: {reading.damage.removeprefix(f'{folder / LEDGER}: ')}"))
        return None
    return reading.entries


def _record(files: Mapping[str, bytes], problems: list[Deviation]) -> DrillRecord | None:
    content = files.get(RECORD)
    if content is None:
        problems.append(Deviation(RECORD, "is missing: there is nothing to compare the ledger with"))
        return None
    try:
        return DrillRecord.model_validate_json(content)
    except ValidationError:
        problems.append(Deviation(RECORD, "is not a record"))
        return None
