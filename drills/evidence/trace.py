"""Playwright traces without secrets, rebuilt member by member so that the trace viewer still opens them.

A trace is a zip archive: actions, snapshots, console and errors in ``trace.trace``, HAR entries in ``trace.network``
(both one JSON value to a line), bodies and socket frames under ``resources/``. Members of these kinds are redacted.
Every other member is dropped: the screencast and pictures, because pixels cannot be searched; sources and stacks,
because they tell the paths of a machine. A body's name is the digest of its content, so a rebuilt body gets a new name.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import orjson

from drills.errors import PublicationRefused
from drills.evidence.har import RecordedJson, parsed
from drills.evidence.redaction import Redactor

#: What one trace may unpack to; a drill records a few megabytes.
MOST_BYTES = 128 * 1024 * 1024
MOST_MEMBERS = 20_000
#: Events that only tell of members that are dropped.
DROPPED_EVENTS = frozenset({"screencast-frame"})
_EVENTS = re.compile(r"(?:[A-Za-z0-9_-]+[.-])?trace\.(?:trace|network)")
_RESOURCE = re.compile(r"resources/[A-Za-z0-9@._-]+")
#: The earliest moment that a zip archive can name: the same recording gives the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ScrubbedTrace:
    """A trace that may be published: how many secrets were taken out, and how many members were left out."""

    content: bytes
    redactions: int
    dropped: int


def scrubbed_trace(content: bytes, redactor: Redactor) -> ScrubbedTrace:
    """Return a trace without secrets, sources, stacks, screencast and pictures.

    Raises:
        PublicationRefused: ``content`` is not a trace, or unpacks to more than any trace does.
    """
    members = _unpacked(content)
    if not any(_EVENTS.fullmatch(name) for name in members):
        raise PublicationRefused("a recording is not a Playwright trace: it has no events")
    resources = {name: _text(body) for name, body in members.items() if _RESOURCE.fullmatch(name)}
    recorded = RecordedJson(redactor)
    bodies = {name: _body(name, text, recorded).encode() for name, text in resources.items() if text is not None}
    renamed = {name: _name_of(name, body) for name, body in bodies.items()}
    events = RecordedJson(redactor, {**renamed, **_base_names(renamed)})
    lines = {name: _lines(name, body, events) for name, body in members.items() if _EVENTS.fullmatch(name)}
    rebuilt = {**lines, **{renamed[name]: body for name, body in bodies.items()}}
    count = recorded.count + events.count
    return ScrubbedTrace(_packed(rebuilt), count, len(members) - len(lines) - len(bodies))


def _unpacked(content: bytes) -> dict[str, bytes]:
    """Return the members of a trace by name, within bounds."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_BYTES:
                raise PublicationRefused("a trace unpacks to more than is looked through", remedy="record less at once")
            return {member.filename: _read(archive, member) for member in members}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error) as error:
        raise PublicationRefused(f"a trace cannot be read: {error}", remedy="record it again") from None


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return one member; what says that it is small and is not ends here."""
    with archive.open(member) as stream:
        content = stream.read(member.file_size + 1)
    if len(content) > member.file_size:
        raise PublicationRefused("a member of a trace is larger than it says")
    return content


def _text(body: bytes) -> str | None:
    """Return a body as text; None for what is none, as there is no way to know what it shows."""
    try:
        return None if b"\0" in body else body.decode()
    except UnicodeDecodeError:
        return None


def _body(name: str, text: str, recorded: RecordedJson) -> str:
    """Return a body without secrets; socket frames are one JSON value to a line."""
    if PurePosixPath(name).suffix == ".jsonl":
        return "".join(f"{recorded.text(line)}\n" for line in text.splitlines())
    return recorded.text(text)


def _name_of(name: str, body: bytes) -> str:
    """Return the name of a rebuilt body, which is its digest, as Playwright names them."""
    digest = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    return f"resources/{digest}{PurePosixPath(name).suffix}"


def _base_names(renamed: dict[str, str]) -> dict[str, str]:
    return {PurePosixPath(old).name: PurePosixPath(new).name for old, new in renamed.items()}


def _lines(name: str, body: bytes, events: RecordedJson) -> bytes:
    return b"".join(_redacted_lines(name, body, events))


def _redacted_lines(name: str, body: bytes, events: RecordedJson) -> Iterator[bytes]:
    for number, line in enumerate(filter(None, body.split(b"\n")), start=1):
        event = parsed(line, f"line {number} of {name}")
        if not isinstance(event, dict) or event.get("type") not in DROPPED_EVENTS:
            yield orjson.dumps(events.value(event)) + b"\n"


def _packed(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), members[name], zipfile.ZIP_DEFLATED)
    return file.getvalue()
