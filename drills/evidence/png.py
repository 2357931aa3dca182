"""PNG files without what is not picture: text, time stamps, camera data, and bytes after the end."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from drills.errors import PublicationRefused

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: The chunks that say how the picture looks (PNG, third edition, section 11); all others are left out.
PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"})
_HEAD = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")


def without_metadata(content: bytes) -> bytes:
    """Return the same picture, pixel for pixel, with nothing but picture in the file.

    Raises:
        PublicationRefused: ``content`` is not a whole PNG file.
    """
    return SIGNATURE + b"".join(raw for kind, raw in _chunks(_png(content)) if kind in PICTURE)


def with_text(content: bytes, word: str, text: str) -> bytes:
    """Return the same picture with a text in its metadata; ``word`` says what it is.

    Raises:
        PublicationRefused: ``content`` is not a whole PNG file.
    """
    (head, *rest) = (raw for _, raw in _chunks(_png(content)))
    chunk = b"tEXt" + word.encode("latin-1") + b"\0" + text.encode("latin-1", "replace")
    sealed = _CHECKSUM.pack(len(chunk) - 4) + chunk + _CHECKSUM.pack(zlib.crc32(chunk))
    return SIGNATURE + head + sealed + b"".join(rest)


def _png(content: bytes) -> bytes:
    if not content.startswith(SIGNATURE):
        raise PublicationRefused("a file kept as image/png is not a PNG picture")
    return content


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the bytes of each chunk up to and with the end chunk."""
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        kind, end = _chunk_at(content, position)
        yield kind, content[position:end]
        position = end


def _chunk_at(content: bytes, position: int) -> tuple[bytes, int]:
    try:
        length, kind = _HEAD.unpack_from(content, position)
        data_end = position + _HEAD.size + length
        (checksum,) = _CHECKSUM.unpack_from(content, data_end)
    except struct.error:
        raise PublicationRefused("a PNG picture is cut short") from None
    if checksum != zlib.crc32(content[position + 4 : data_end]):
        raise PublicationRefused(f"a PNG picture is damaged in its {kind!r} chunk")
    return kind, data_end + _CHECKSUM.size
