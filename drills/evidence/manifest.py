"""The manifest of a publication: every file with its size, type and digest, and the head of the ledger's chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import orjson

from drills.canonical import digest_of_bytes
from drills.evidence.naming import media_type_of
from drills.evidence.records import Frozen

MANIFEST = "manifest.json"


class PublishedFile(Frozen):
    """A file as it was published. ``path`` is relative to the drill's folder; the report's is relative to its own."""

    path: str
    size: int
    media_type: str
    sha256: str


class Manifest(Frozen):
    """What belongs to a publication called ``name``: the report beside the folder, and every file in it but this.

    ``signed_by`` is the fingerprint of the key that attests it; the files that do so are not listed, because they
    cover this manifest.
    """

    schema_version: Literal[1] = 1
    name: str
    ledger_head: str
    ledger_entries: int
    signed_by: str | None = None
    report: PublishedFile
    files: tuple[PublishedFile, ...]

    def encode(self) -> bytes:
        """Return the manifest as it is written: the same publication gives the same bytes."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def describe(path: str, content: bytes) -> PublishedFile:
    """Return the manifest's line for a file.

    Raises:
        PublicationRefused: the name or its type may not be published.
    """
    return PublishedFile(path=path, size=len(content), media_type=media_type_of(path), sha256=digest_of_bytes(content))


def describe_all(files: Mapping[str, bytes]) -> tuple[PublishedFile, ...]:
    """Return the manifest's lines for ``files``, by name."""
    return tuple(describe(path, files[path]) for path in sorted(files))
