"""The write-ahead journal of a drill: what it is about to flip is on the disk before it is flipped."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from drills.errors import SafetyNetLost
from drills.restore.entries import (
    Abandoned,
    Baseline,
    Closed,
    Confirmed,
    Content,
    Damage,
    DamageKind,
    Entry,
    Intent,
    Opened,
    PutBack,
    TakenOver,
    from_lines,
    to_line,
)
from drills.target.ports import SwitchRecipe

#: Enough for the last line of any journal.
_TAIL = 8192


@dataclass(frozen=True, slots=True)
class Touched:
    """A switch that was flipped, or may have been: its baseline and the last flip that was intended.

    ``confirmed`` tells whether that flip was read back. ``put_back`` is the last attempt to put the switch back since.
    """

    switch: str
    baseline: str
    before: str
    after: str
    confirmed: bool
    since: datetime
    recipe: SwitchRecipe
    put_back: PutBack | None = None

    @property
    def resolved(self) -> bool:
        """Whether the switch was seen back at its baseline after its last flip."""
        return self.put_back is not None and self.put_back.restored


class Journal:
    """The journal file of one drill. Several processes may append; each line is on the disk when append returns."""

    def __init__(self, path: Path) -> None:
        """Use the journal that lies at ``path``; :meth:`create` makes a new one."""
        self.path = path
        self._written: list[Entry] = []

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        drill_id: str,
        target: str,
        at: datetime,
        ephemeral: bool = False,
        lease_seconds: float | None = None,
    ) -> Journal:
        """Make a new journal; what the target does by itself is as in :class:`~drills.restore.entries.Opened`.

        Raises:
            SafetyNetLost: the file exists already, or cannot be written.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _unwritable(path, error) from None
        journal = cls(path)
        first = Opened(at=at, drill_id=drill_id, target=target, ephemeral=ephemeral, lease_seconds=lease_seconds)
        journal.append(first)
        return journal

    def append(self, entry: Entry) -> None:
        """Write ``entry`` and wait until file and folder are on the disk.

        Raises:
            SafetyNetLost: the disk is full, the journal was taken away, or it cannot be written for another reason.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                _write(descriptor, to_line(entry))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._written.append(entry)

    def content(self) -> Content:
        """Return what the file holds now, lines of other processes included.

        If the file is gone, that is what this process wrote to it.
        """
        try:
            return from_lines(self.path.read_bytes())
        except OSError:
            return Content(tuple(self._written), (Damage(0, DamageKind.LOST),))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every line that proves itself, in order."""
        return self.content().entries

    @property
    def opened(self) -> Opened | None:
        """The first line; None when it is damaged."""
        return next((entry for entry in self.entries if isinstance(entry, Opened)), None)

    @property
    def closed(self) -> bool:
        """Whether the last line says that everything is back, or that what is not back is abandoned."""
        with self.path.open("rb") as stream:
            stream.seek(max(0, self.path.stat().st_size - _TAIL))
            last = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
        return any(isinstance(entry, Closed | Abandoned) for entry in from_lines(last).entries)

    @property
    def taken_over(self) -> str | None:
        """Why the watchdog took the switches out of the drill's hands; None while they are in them."""
        return next((entry.reason for entry in self.entries if isinstance(entry, TakenOver)), None)

    def damage(self) -> tuple[str, ...]:
        """Return a sentence for each damage that matters. A line that was cut off while being written does not."""
        said = {
            DamageKind.CORRUPT: "line {line} of {path} is corrupt: a switch that only that line names was not put back",
            DamageKind.LOST: "{path} cannot be read: only switches that this process flipped were put back",
        }
        return tuple(
            said[damage.kind].format(line=damage.line, path=self.path)
            for damage in self.content().damage
            if damage.kind in said
        )

    def touched(self) -> tuple[Touched, ...]:
        """Return every switch with an intent, in reverse order of its first one: the order of putting back."""
        return tuple(reversed(fold(self.entries)))

    def unresolved(self) -> tuple[Touched, ...]:
        """Return what is not seen back yet, in the order of putting back."""
        return tuple(touched for touched in self.touched() if not touched.resolved)


def fold(entries: Iterable[Entry]) -> tuple[Touched, ...]:
    """Return the state of every switch that ``entries`` flip, in order of the first flip."""
    baseline: dict[str, str] = {}
    touched: dict[str, Touched] = {}
    switch_of_flip: dict[int, str] = {}
    for entry in entries:
        if isinstance(entry, Baseline):
            baseline |= entry.values
        elif isinstance(entry, Intent):
            switch_of_flip[entry.flip] = entry.switch
            touched[entry.switch] = _intended(entry, touched.get(entry.switch), baseline)
        elif isinstance(entry, Confirmed) and entry.flip in switch_of_flip:
            switch = switch_of_flip[entry.flip]
            touched[switch] = replace(touched[switch], confirmed=True)
        elif isinstance(entry, PutBack) and entry.switch in touched:
            touched[entry.switch] = replace(touched[entry.switch], put_back=entry)
    return tuple(touched.values())


def sync_folder(folder: Path) -> None:
    """Wait until the entries of ``folder`` are on the disk.

    Raises:
        OSError: the folder cannot be opened or written back.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _intended(intent: Intent, earlier: Touched | None, baseline: dict[str, str]) -> Touched:
    return Touched(
        switch=intent.switch,
        baseline=earlier.baseline if earlier else baseline.get(intent.switch, intent.before),
        before=intent.before,
        after=intent.after,
        confirmed=False,
        since=intent.at,
        recipe=intent.recipe,
    )


def _write(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line  # the line before was cut off: do not let it swallow this one
    while line:
        line = line[os.write(descriptor, line) :]


def _unwritable(path: Path, error: OSError) -> SafetyNetLost:
    return SafetyNetLost(
        f"the restore journal {path} cannot be written: {error.strerror}; the switch was not flipped",
        remedy="free space on that disk, or point XDG_STATE_HOME at another one; then `drill restore`",
    )
