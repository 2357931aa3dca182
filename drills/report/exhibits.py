"""The evidence of a record as links: artefacts, metric pictures, screenshots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Artefact, CanaryPlanted, Recording
from drills.report.markdown import Markdown, code, image, join, link
from drills.report.wording import byte_size, count

_SNAPSHOT = "-snapshot"
_SHORT_HASH = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its caption; ``also`` links the same picture in another format."""

    title: str
    image: Markdown
    also: Markdown


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line of the artefact list."""

    file: Markdown
    title: str
    size: str
    sha256: Markdown
    redactions: str


@dataclass(frozen=True, slots=True)
class FileList:
    """Every artefact, and what they amount to."""

    summary: str
    rows: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One trace or HAR archive that is kept elsewhere, told by its digest."""

    file: Markdown
    size: str
    sha256: Markdown
    redactions: str
    dropped: str


class Exhibits:
    """The artefacts of one record. Without a ``folder`` (a page shown elsewhere) they are named, not linked."""

    def __init__(self, record: DrillRecord, folder: str | None) -> None:
        self._artefacts = {artefact.id: artefact for artefact in record.artefacts}
        self._recordings = record.recordings
        self._folder = folder

    def links(self, ids: Iterable[str], *, limit: int = 0) -> Markdown:
        """Return links to the named artefacts, each once; what is no artefact is shown as its id."""
        known = list(dict.fromkeys(ids))
        shown = known[:limit] if limit else known
        parts: list[str] = [self._reference(one) for one in shown]
        if len(known) > len(shown):
            parts.append(f"and {len(known) - len(shown)} more")
        return join(parts)

    def of_item(self, item: str) -> tuple[str, ...]:
        """Return the ids of the artefacts that were taken for a checklist item or a precondition."""
        return tuple(artefact.id for artefact in self._artefacts.values() if artefact.item == item)

    def shown(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return those ids that are artefacts."""
        return tuple(one for one in ids if one in self._artefacts)

    def pictures(self) -> tuple[Picture, ...]:
        """Return the metric pictures."""
        return self._gallery(snapshots=True)

    def screenshots(self) -> tuple[tuple[Picture, ...], ...]:
        """Return every other picture, two in a row."""
        shots = self._gallery(snapshots=False)
        return tuple(shots[start : start + 2] for start in range(0, len(shots), 2))

    def files(self) -> FileList:
        """Return the list of all artefacts."""
        artefacts = tuple(self._artefacts.values())
        size, redactions = sum(one.size for one in artefacts), sum(one.redactions for one in artefacts)
        summary = f"{count(len(artefacts), 'file')}, {byte_size(size)}, {count(redactions, 'redaction')}"
        return FileList(summary, tuple(self._file(artefact) for artefact in artefacts))

    def recordings(self) -> tuple[RecordingRow, ...]:
        """Return the recordings that were handed out, which lie outside the repository."""
        return tuple(_recording(one) for one in self._recordings)

    def _gallery(self, *, snapshots: bool) -> tuple[Picture, ...]:
        chosen = (one for one in self._artefacts.values() if one.category.endswith(_SNAPSHOT) is snapshots)
        return tuple(self._picture(one) for one in chosen if one.media_type == "image/png")

    def _picture(self, artefact: Artefact) -> Picture:
        if self._folder is None:
            return Picture(artefact.title, Markdown(""), Markdown(""))
        return Picture(artefact.title, image(artefact.title, self._address(artefact)), self._siblings(artefact))

    def _siblings(self, artefact: Artefact) -> Markdown:
        stem = PurePosixPath(artefact.path).with_suffix("")
        others = (one for one in self._artefacts.values() if one.id != artefact.id)
        same = [one for one in others if PurePosixPath(one.path).with_suffix("") == stem]
        return join((link(PurePosixPath(one.path).suffix[1:].upper(), self._address(one)) for one in same), " · ")

    def _file(self, artefact: Artefact) -> FileRow:
        digest = artefact.sha256.removeprefix("sha256:")[:_SHORT_HASH]
        file = link(code(artefact.path), self._address(artefact))
        return FileRow(file, artefact.title, byte_size(artefact.size), code(digest), f"{artefact.redactions:,}")

    def _reference(self, one: str) -> Markdown:
        artefact = self._artefacts.get(one)
        return link(artefact.title, self._address(artefact)) if artefact else code(one)

    def _address(self, artefact: Artefact) -> str:
        return "" if self._folder is None else f"{self._folder}/{artefact.path}"


def canary_words(planted: CanaryPlanted | None) -> str:
    """Return what a reader may conclude from the canary; nothing where none was planted."""
    if planted is None:
        return ""
    channels = count(len(planted.channels), "place")
    return (
        f"A secret of this run that opens nothing was put in {channels} and is in no published byte: "
        f"{', '.join(planted.channels)}. "
        f"From the facts of the ledger {count(planted.ledger_redactions, 'secret')} were taken out before it."
    )


def _recording(one: Recording) -> RecordingRow:
    digest = one.sha256.removeprefix("sha256:")
    return RecordingRow(code(one.path), byte_size(one.size), code(digest), f"{one.redactions:,}", f"{one.dropped:,}")
