"""Names and types of published files: slugs, and an allow-list of what may be published at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

from drills.errors import PublicationRefused

#: What may be published, and under which endings; the first one is given to a name that has none of them.
SUFFIXES = {
    "image/png": (".png",),
    "image/svg+xml": (".svg",),
    "text/csv": (".csv",),
    "application/json": (".json",),
    "application/x-ndjson": (".jsonl", ".ndjson"),
    "text/plain": (".txt", ".log"),
    "text/markdown": (".md",),
    "application/xml": (".xml",),
    "text/html": (".html",),
}
ALIASES = {
    "application/jsonl": "application/x-ndjson",
    "application/openmetrics-text": "text/plain",
    "text/xml": "application/xml",
}
MEDIA_TYPES = {suffix: media_type for media_type, suffixes in SUFFIXES.items() for suffix in suffixes}
LONGEST_STEM = 80
_SAFE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9]))*")


def slug(text: str) -> str:
    """Return ``text`` as lower-case ASCII words joined by hyphens, at most 80 characters, never empty."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text))[:LONGEST_STEM].strip("-") or "unnamed"


def known_media_type(media_type: str) -> str:
    """Return the allow-listed media type that ``media_type`` means, without its parameters.

    Raises:
        PublicationRefused: files of this type are not published.
    """
    essence = media_type.partition(";")[0].strip().lower()
    known = ALIASES.get(essence, essence)
    if known not in SUFFIXES:
        raise PublicationRefused(f"files of type {media_type!r} are not published", remedy=_ALLOWED)
    return known


def file_name(name: str, media_type: str) -> str:
    """Return a safe file name for ``name``: its slug, and an ending that says what ``media_type`` it has."""
    suffixes = SUFFIXES[known_media_type(media_type)]
    path = PurePosixPath(name)
    if path.suffix.lower() in suffixes:
        return slug(str(path.with_suffix(""))) + path.suffix.lower()
    return slug(name) + suffixes[0]


def media_type_of(name: str) -> str:
    """Return the media type that a published file's name stands for.

    Raises:
        PublicationRefused: the name is not a plain safe one, or its ending is not on the allow-list.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise PublicationRefused(
            f"{name!r} is not a name for a published file", remedy="use a-z, 0-9, hyphens, and single dots"
        )
    media_type = MEDIA_TYPES.get(PurePosixPath(name).suffix)
    if media_type is None:
        raise PublicationRefused(f"{name!r} is not of a type that is published", remedy=_ALLOWED)
    return media_type


def alternatives(name: str) -> Iterator[str]:
    """Yield ``name``, then the names to take when it is taken: ``a.csv``, ``a-2.csv``, ``a-3.csv`` and so on."""
    yield name
    path = PurePosixPath(name)
    for number in range(2, 10_000):
        yield f"{path.stem}-{number}{path.suffix}"


_ALLOWED = "published files end in " + ", ".join(sorted(MEDIA_TYPES))
