"""Takes content apart until nothing is left to decode: archives, pictures' texts, escapes, base64, hex.

Written apart from the redactor on purpose, and the other way round: the redactor encodes what it knows, this decodes
what it finds, so that a mistake in one is not a mistake in both.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

#: How many wrappings inside one another are opened.
DEPTH = 5
#: A decompression bomb ends here; so does a file that grows without end under decoding.
MOST_BYTES = 128 * 1024 * 1024
#: Shorter runs of the base64 or hex alphabet hold no secret: see ``redaction.SHORTEST_SECRET``.
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f]{12,}")
_FOLD = re.compile(rb"(?<=[A-Za-z0-9+/_-]{60})\r?\n(?=[A-Za-z0-9+/_-])")
_ENTITY = re.compile(rb"&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_PAIR = re.compile(rb"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([\"'\\/bfnrt]))")
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_PNG, _GZIP, _ZIP = b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"PK\x03\x04"
_FILES = (_PNG, _GZIP, _ZIP)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Unreadable(Exception):  # noqa: N818 - an outcome that the scan reports, not an error of the drill
    """An archive that cannot be opened, or that is too large: what is inside cannot be vouched for."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Content, and the wrappings it was taken out of, outermost first."""

    content: bytes
    wrappings: tuple[str, ...] = ()


def layers(content: bytes) -> Iterator[Layer]:
    """Yield ``content`` and everything that it can be decoded to, each different content once.

    Raises:
        Unreadable: a part of it cannot be decoded to the end.
    """
    waiting, seen, total = [Layer(content)], set[bytes](), 0
    while waiting:
        layer = waiting.pop()
        digest = hashlib.sha256(layer.content).digest()
        if digest in seen:
            continue
        seen.add(digest)
        total += len(layer.content)
        if total > MOST_BYTES:
            raise Unreadable("more than can be decoded")
        yield layer
        if len(layer.wrappings) < DEPTH:
            waiting += [Layer(inner, (*layer.wrappings, how)) for how, inner in _opened(layer.content)]


def _opened(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is directly inside ``content``, each with the name of its wrapping."""
    if content.startswith(_PNG):
        yield from (("png", text) for text in _png_texts(content))
    if content.startswith(_GZIP):
        yield "gzip", _gunzip(content)
    if zipfile.is_zipfile(io.BytesIO(content)):
        yield from (("zip", member) for member in _zip_members(content))
    if b"\0" in content:
        yield "utf-16", content.replace(b"\0", b"")
    if b"%" in content:
        yield "percent", unquote_to_bytes(content)
    if b"&" in content:
        yield "html", _ENTITY.sub(_entity, content)
    if b"\\" in content:
        yield "json", _ESCAPE.sub(_escape, _PAIR.sub(_pair, content))
    yield from (("base64", decoded) for decoded in _base64(_FOLD.sub(b"", content)))
    yield "hex", _hex(content)


def _png_texts(content: bytes) -> Iterator[bytes]:
    """Yield the compressed texts of a PNG picture (zTXt, iTXt, iCCP); all other chunks are read as they are."""
    for start in re.finditer(rb"zTXt|iTXt|iCCP", content):
        length = int.from_bytes(content[start.start() - 4 : start.start()], "big")
        data = content[start.end() : start.end() + length]
        for stream in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
            try:
                yield zlib.decompressobj().decompress(data[stream.start() :], MOST_BYTES)
            except zlib.error:
                continue


def _gunzip(content: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return _capped(file.read(MOST_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("a gzip stream that cannot be read") from error


def _zip_members(content: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive.comment
            for member in archive.infolist():
                yield member.filename.encode("utf-8", "replace") + b"\n" + member.comment
                with archive.open(member) as file:
                    yield _capped(file.read(MOST_BYTES + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise Unreadable("a zip archive that cannot be read") from error


def _capped(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise Unreadable("an archive that unpacks to more than can be decoded")
    return content


def _entity(match: re.Match[bytes]) -> bytes:
    return html.unescape(match[0].decode("ascii")).encode("utf-8", "replace")


def _pair(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex((match[1] + match[2]).decode()).decode("utf-16-be").encode()


def _escape(match: re.Match[bytes]) -> bytes:
    code = match[1] or match[2]
    if code:
        return chr(int(code, 16)).encode("utf-8", "replace")
    return _CONTROLS.get(match[3], match[3])


def _base64(content: bytes) -> Iterator[bytes]:
    """Yield every run of the base64 alphabet decoded at its four alignments, one to a line; files by themselves."""
    runs = [run.translate(_URL_SAFE) for run in _BASE64_RUN.findall(content)]
    decoded = [_decoded(run[start:]) for run in runs for start in range(4)]
    yield b"\n".join(decoded)
    yield from (file for file in decoded if file.startswith(_FILES))


def _decoded(run: bytes) -> bytes:
    """Decode the whole bytes in ``run``; a last lone character carries none."""
    whole = run[:-1] if len(run) % 4 == 1 else run
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _hex(content: bytes) -> bytes:
    """Return every run of hexadecimal digits decoded at both of its alignments, one to a line."""
    runs = _HEX_RUN.findall(content)
    return b"\n".join(
        binascii.unhexlify(run[start : start + (len(run) - start) // 2 * 2]) for run in runs for start in (0, 1)
    )
