"""Traces and HAR archives of a drill: from the quarantine to a folder that a CI job uploads, without secrets.

They are too large and too talkative for a repository. The ledger holds the digest of each, so that whoever keeps them
can show that they belong to the drill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drills.canonical import digest_of_bytes
from drills.errors import PublicationRefused, SecretFound
from drills.evidence.durable import PUBLIC_FILE, read_regular, write_new
from drills.evidence.har import scrubbed_har
from drills.evidence.naming import alternatives, slug
from drills.evidence.records import Recording
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files
from drills.evidence.trace import scrubbed_trace

TRACE, HAR = ".zip", ".har"
MEDIA_TYPES = {TRACE: "application/zip", HAR: "application/json"}
#: Where recordings go when nobody names a folder.
FOLDER = "drill-traces"
#: Git leaves a folder alone that ignores itself: recordings are not for the repository.
IGNORE, IGNORE_ALL = ".gitignore", b"*\n"


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A recording without secrets, and what the ledger says of it."""

    content: bytes
    fact: Recording


def scrub_recordings(folder: Path, redactor: Redactor) -> tuple[Scrubbed, ...]:
    """Return every trace and HAR archive in ``folder`` without secrets, by name.

    What is learned in one of them is taken out of all of them.

    Raises:
        PublicationRefused: a file is no such recording.
        SecretFound: the scan found a secret in the final bytes; the message names the files, never the secret.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in MEDIA_TYPES)
    raw = {path.name: read_regular(path) for path in paths}
    scrubbed = _scrubbed(raw, redactor)
    found = scan_files({one.fact.path: one.content for one in scrubbed}, redactor.secrets)
    if found:
        raise SecretFound(
            "no recording was published; the last scan found secrets:\n" + "\n".join(f"  - {one}" for one in found),
            remedy=f"the raw recordings are still in {folder}: find out how the secret got past the redactor",
        )
    return scrubbed


def _scrubbed(raw: Mapping[str, bytes], redactor: Redactor) -> tuple[Scrubbed, ...]:
    """Scrub, and again for as long as that taught new secrets; there are no more of them than the redactor learns."""
    known = -1
    scrubbed: tuple[Scrubbed, ...] = ()
    while known != len(redactor.secrets):
        known = len(redactor.secrets)
        scrubbed = tuple(_one(name, content, redactor) for name, content in raw.items())
    return scrubbed


def _one(name: str, content: bytes, redactor: Redactor) -> Scrubbed:
    suffix, dropped = Path(name).suffix, 0
    try:
        if suffix == TRACE:
            trace = scrubbed_trace(content, redactor)
            content, redactions, dropped = trace.content, trace.redactions, trace.dropped
        else:
            content, redactions = scrubbed_har(content, redactor)
    except PublicationRefused as error:
        raise PublicationRefused(f"{name}: {error.message}", remedy=error.remedy) from None
    fact = Recording(
        path=name,
        media_type=MEDIA_TYPES[suffix],
        size=len(content),
        sha256=digest_of_bytes(content),
        redactions=redactions,
        dropped=dropped,
    )
    return Scrubbed(content, fact)


def publish_recordings(recordings: tuple[Scrubbed, ...], out: Path, name: str) -> Path:
    """Write recordings into a new folder ``name`` of ``out``, which Git ignores, and return that folder.

    Raises:
        PublicationRefused: the place cannot be written.
    """
    try:
        folder = next(place for place in (out / free for free in alternatives(slug(name))) if not place.exists())
        folder.mkdir(parents=True)
        write_new(folder / IGNORE, IGNORE_ALL, mode=PUBLIC_FILE)
        for recording in recordings:
            write_new(folder / recording.fact.path, recording.content, mode=PUBLIC_FILE)
    except OSError as error:
        raise PublicationRefused(
            f"{error.filename or out}: the recordings were not published: {error.strerror}",
            remedy=f"make room in {out} and make it writable",
        ) from error
    return folder
