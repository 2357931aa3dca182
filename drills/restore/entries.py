"""The lines of a restore journal: what they say, how they are written, and how damage is told apart.

A line is ``<crc32> <length> <canonical JSON>``. Each line proves itself, so one that is damaged does not take the
others with it. A line shorter than its length was cut off while it was being written: the write had not been
confirmed, so nothing was done on the strength of it. Any other line that does not prove itself is corrupt.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from drills.canonical import encode
from drills.target.ports import SwitchRecipe

#: Who puts switches back: ``restore`` is `drill restore`, ``lease`` the target itself when its lease runs out.
Restorer = Literal["drill", "watchdog", "restore", "lease"]
_LINE = re.compile(rb"([0-9a-f]{8}) ([0-9]{1,8}) (.*)", re.DOTALL)
_BEGINNING = re.compile(rb"[0-9a-f]{0,8}|[0-9a-f]{8} [0-9]{0,8} ?|\x00+")


class Line(BaseModel):
    """One line; ``at`` is when it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime


class Opened(Line):
    """The first line. An ``ephemeral`` target was started by the drill and ends with it.

    A target with ``lease_seconds`` puts its switches back by itself when it hears nothing of the drill for that long.
    """

    kind: Literal["opened"] = "opened"
    drill_id: str
    target: str
    ephemeral: bool = False
    lease_seconds: float | None = None


class Baseline(Line):
    """The values that every switch had before the drill touched any."""

    kind: Literal["baseline"] = "baseline"
    values: dict[str, str]


class Intent(Line):
    """A switch is about to be asked for ``after``; ``recipe`` says how to put it back, without any secret."""

    kind: Literal["intent"] = "intent"
    flip: int
    switch: str
    before: str
    after: str
    recipe: SwitchRecipe
    purpose: str = ""


class Confirmed(Line):
    """The switch of this flip read back the value it was asked for."""

    kind: Literal["confirmed"] = "confirmed"
    flip: int


class PutBack(Line):
    """How a switch was found and left by whoever put it back; ``reason`` says how that is known, or what failed."""

    kind: Literal["put-back"] = "put-back"
    began_at: datetime
    switch: str
    baseline: str
    found: str | None
    final: str | None
    restored: bool
    asked: bool
    by: Restorer
    reason: str


class TakenOver(Line):
    """The drill gave no sign of life for too long: from here on it may flip nothing."""

    kind: Literal["taken-over"] = "taken-over"
    reason: str


class Closed(Line):
    """Every switch that was touched is back. ``problems`` are what the one who closed the journal had to report."""

    kind: Literal["closed"] = "closed"
    by: Restorer
    problems: tuple[str, ...] = ()


class Abandoned(Line):
    """A person said that nobody will put back what is left. It stays as it is."""

    kind: Literal["abandoned"] = "abandoned"
    who: str


Entry = Annotated[
    Opened | Baseline | Intent | Confirmed | PutBack | TakenOver | Closed | Abandoned, Field(discriminator="kind")
]
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


class DamageKind(StrEnum):
    """``TORN`` lines were never completely written and are harmless; ``CORRUPT`` ones may have said anything.

    ``LOST`` is the whole file: it cannot be read.
    """

    TORN = "torn"
    CORRUPT = "corrupt"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Damage:
    """A line, counted from 1, that does not prove itself; 0 stands for the whole file."""

    line: int
    kind: DamageKind


@dataclass(frozen=True, slots=True)
class Content:
    """What a journal holds: the entries that prove themselves, in order, and the lines that do not."""

    entries: tuple[Entry, ...]
    damage: tuple[Damage, ...]


def to_line(entry: Entry) -> bytes:
    """Return ``entry`` as one line of a journal."""
    body = encode(entry.model_dump(mode="json"))
    return b"%08x %d %b\n" % (zlib.crc32(body), len(body), body)


def from_lines(content: bytes) -> Content:
    """Read the lines of a journal; any bytes are understood."""
    read = list(_read(content))
    return Content(
        tuple(line for line in read if not isinstance(line, Damage)),
        tuple(line for line in read if isinstance(line, Damage)),
    )


def _read(content: bytes) -> Iterator[Entry | Damage]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line:
            yield _entry(line) or Damage(number, _kind_of_damage(line))


def _entry(line: bytes) -> Entry | None:
    match = _LINE.fullmatch(line)
    if match is None or int(match[1], 16) != zlib.crc32(match[3]) or int(match[2]) != len(match[3]):
        return None
    try:
        return _ENTRY.validate_json(match[3])
    except ValidationError:
        return None


def _kind_of_damage(line: bytes) -> DamageKind:
    match = _LINE.fullmatch(line)
    cut_off = _BEGINNING.fullmatch(line) if match is None else len(match[3]) < int(match[2])
    return DamageKind.TORN if cut_off else DamageKind.CORRUPT
