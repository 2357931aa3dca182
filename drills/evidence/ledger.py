"""The ledger of a drill: one JSON line per fact, written as it happens, each line sealed to the one before.

A line is the canonical JSON of a :class:`~drills.evidence.records.LedgerEntry`. Its ``hash`` is the digest of the
canonical JSON of the entry without ``hash``, and ``previous`` is the hash of the line before; the first line's is
:data:`GENESIS`. The chain can be checked without this program and without a JSON tool: a line less its own
``"hash":"sha256:…",``, which stands right before ``"previous"``, is what was hashed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
from pydantic import JsonValue, ValidationError

from drills.canonical import digest, encode
from drills.clock import Clock
from drills.errors import EvidenceError, LedgerDamaged
from drills.evidence.durable import CREATE, PRIVATE_FILE, flush_folder, read_regular, write_all
from drills.evidence.records import Fact, LedgerEntry
from drills.evidence.redaction import Redactor

GENESIS = "sha256:" + 64 * "0"
#: A larger file is not read: no drill writes so much.
MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Tip:
    """Where the chain ends: how many entries it has, the hash of the last, and the size of the file up to there."""

    entries: int
    head: str
    size: int


class Ledger:
    """The open end of a ledger. Appending is safe from several threads; close it when the drill is over.

    ``redactions`` counts the secrets that were taken out of the facts appended here.
    """

    def __init__(self, descriptor: int, path: Path, clock: Clock, redactor: Redactor) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = descriptor
        self._clock = clock
        self._redactor = redactor
        self._tip = _Tip(0, GENESIS, 0)
        self.path = path
        self.redactions = 0

    @classmethod
    def create(cls, path: Path, clock: Clock, redactor: Redactor) -> Self:
        """Start a ledger in a new file that only its owner can read.

        Raises:
            FileExistsError: ``path`` exists; a ledger is never overwritten.
        """
        descriptor = os.open(path, CREATE | os.O_APPEND, PRIVATE_FILE)
        flush_folder(path.parent)
        return cls(descriptor, path, clock, redactor)

    @classmethod
    def resume(cls, path: Path, clock: Clock, redactor: Redactor) -> Self:
        """Go on with the ledger of a drill that is gone; a last line that it left torn is cut off.

        Raises:
            LedgerDamaged: anything else is wrong with it.
        """
        reading = read_valid_prefix(path)
        if reading.damage and not reading.is_torn:
            raise LedgerDamaged(reading.damage, remedy="do not trust this evidence")
        if reading.is_torn:
            os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
        ledger = cls(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW), path, clock, redactor)
        ledger._tip = _Tip(len(reading.entries), reading.head, path.stat().st_size)
        return ledger

    @property
    def head(self) -> str:
        """The hash of the last entry."""
        return self._tip.head

    def append(self, fact: Fact) -> LedgerEntry:
        """Write ``fact``, without secrets, and return the entry as it can be read back from the disk.

        Raises:
            EvidenceError: the line could not be kept (the disk is full, say); the ledger is as it was before.
        """
        redacted, redactions = self._redactor.redact_json_counted(fact.model_dump(mode="json"))
        with self._lock:
            tip = self._tip
            line = seal(tip.entries + 1, self._clock.now().isoformat(), tip.head, redacted) + b"\n"
            entry = LedgerEntry.model_validate_json(line)
            self._write(line, tip.size)
            self._tip = _Tip(entry.seq, entry.hash, tip.size + len(line))
            self.redactions += redactions
        return entry

    def _write(self, line: bytes, end: int) -> None:
        """Write ``line`` at ``end``.

        What lies beyond it was written by an append that a signal struck before it could return: nobody was told that
        it is kept, and the chain goes on without it.
        """
        if self._descriptor is None:
            raise EvidenceError(f"{self.path}: the ledger is closed and takes no more facts")
        try:
            os.ftruncate(self._descriptor, end)
            write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise EvidenceError(
                f"{self.path}: a fact could not be written: {error.strerror}", remedy="make room on the disk"
            ) from error

    def close(self) -> None:
        """Take no more facts. Closing twice is fine."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def seal(seq: int, at: str, previous: str, fact: JsonValue) -> bytes:
    """Return the canonical line, without its newline, for ``fact`` at its place in the chain."""
    body = {"seq": seq, "at": at, "previous": previous, "fact": fact}
    return encode({**body, "hash": digest(body)})


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """What could be read of a ledger: the entries up to the first damage, and what that damage is.

    ``is_torn`` says that the damage is no more than a last line that was not written to its end.
    """

    entries: tuple[LedgerEntry, ...]
    damage: str | None = None
    is_torn: bool = False

    @property
    def head(self) -> str:
        """The hash of the last good entry."""
        return self.entries[-1].hash if self.entries else GENESIS


def read_ledger(path: Path) -> tuple[LedgerEntry, ...]:
    """Return all entries of a ledger whose chain is whole.

    Raises:
        LedgerDamaged: a line is torn, altered, missing or out of order; the message names the first such line.
    """
    reading = read_valid_prefix(path)
    if reading.damage is not None:
        raise LedgerDamaged(reading.damage, remedy="do not trust this evidence; fetch the original, or drill again")
    return reading.entries


def read_valid_prefix(path: Path) -> LedgerReading:
    """Return what a ledger holds up to its first damage: after a killed drill the last line may be torn.

    Raises:
        LedgerDamaged: there is no file to read, or it is too large.
    """
    content = _content(path)
    entries: list[LedgerEntry] = []
    try:
        for entry in _entries(content):
            entries.append(entry)  # noqa: PERF402 - those before the damage must survive the exception
    except LedgerDamaged as damage:
        return LedgerReading(tuple(entries), f"{path}: {damage.message}", isinstance(damage, _Torn))
    return LedgerReading(tuple(entries))


class _Torn(LedgerDamaged):
    """The last line does not end: the drill died while it was written."""


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LedgerDamaged(f"{path}: larger than any ledger ({MOST_BYTES} bytes)")
        return read_regular(path)
    except OSError as error:
        raise LedgerDamaged(f"{path}: cannot be read: {error.strerror}") from error


def _entries(content: bytes) -> Iterator[LedgerEntry]:
    previous = GENESIS
    *lines, rest = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        entry = _checked(line, number, previous)
        previous = entry.hash
        yield entry
    if rest:
        raise _Torn(f"line {len(lines) + 1} is torn: it does not end")


def _checked(line: bytes, number: int, previous: str) -> LedgerEntry:
    """Return the entry on a line after holding it against its own hash and its place in the chain."""
    try:
        fields = orjson.loads(line)
        entry = LedgerEntry.model_validate_json(line)
    except (orjson.JSONDecodeError, ValidationError):
        raise LedgerDamaged(f"line {number} is not a ledger entry") from None
    if seal(entry.seq, fields["at"], entry.previous, fields["fact"]) != line:
        raise LedgerDamaged(f"line {number} was altered: its content does not have its hash")
    if (entry.seq, entry.previous) != (number, previous):
        raise LedgerDamaged(f"line {number} is out of its chain: a line before it is missing, added or altered")
    return entry
