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
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

#: How many wrappings inside one another are opened.
DEPTH = 5
#: A decompression bomb ends here; so does a file that grows without end under decoding.
MOST_BYTES = 128 * 1024 * 1024
_FOLD = re.compile(rb"(?<=[A-Za-z0-9+/_-]{60})\r?\n(?=[A-Za-z0-9+/_-])")
_ENTITY = re.compile(rb"&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_PAIR = re.compile(rb"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([\"'\\/bfnrt]))")
_BYTE = re.compile(rb"\\+x([0-9A-Fa-f]{2})")
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_PNG, _GZIP, _ZIP = b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"PK\x03\x04"
_FILES = (_PNG, _GZIP, _ZIP)
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_PRINTABLE = bytes((*range(0x20, 0x7F), 0x09, 0x0A, 0x0D))
MOST_UNPRINTABLE = 1 / 3
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Unreadable(Exception):
    """An archive that cannot be opened, or that is too large: what is inside cannot be vouched for."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Content, and the wrappings it was taken out of, outermost first."""

    content: bytes
    wrappings: tuple[str, ...] = ()


def layers(content: bytes, shortest: int) -> Iterator[Layer]:
    """Yield ``content`` and everything that it can be decoded to, each different content once, the least wrapped first.

    ``shortest`` is the length in bytes of what is looked for: runs of an alphabet that cannot hold it stay closed.

    Raises:
        Unreadable: a part of it cannot be decoded to the end.
    """
    waiting, seen, total = deque([Layer(content)]), set[bytes](), 0
    opener = _Opener(shortest)
    while waiting:
        layer = waiting.popleft()
        digest = hashlib.sha256(layer.content).digest()
        if digest in seen:
            continue
        seen.add(digest)
        total += len(layer.content)
        if total > MOST_BYTES:
            raise Unreadable("more than can be decoded")
        yield layer
        if len(layer.wrappings) < DEPTH:
            waiting.extend(Layer(inner, (*layer.wrappings, how)) for how, inner in opener.opened(layer.content))


class _Opener:
    """Opens one wrapping of whatever kind; where a secret could be inside."""

    def __init__(self, shortest: int) -> None:
        self._base64_run = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % (shortest * 4 // 3))
        self._hex_run = re.compile(rb"[0-9A-Fa-f]{%d,}" % (shortest * 2))

    def opened(self, content: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield what is directly inside ``content``, each with the name of its wrapping."""
        if content.startswith(_PNG):
            yield from (("png", text) for text in _png_texts(content))
        elif content.startswith(_GZIP):
            yield "gzip", _gunzip(content)
        elif content.startswith(_ZIP) or zipfile.is_zipfile(io.BytesIO(content)):
            yield from (("zip", member) for member in _zip_members(content))
        elif _is_text(content):
            yield from _unescaped(content)
            yield from (("base64", decoded) for decoded in self._base64(_FOLD.sub(b"", content)))
            yield from (("hex", decoded) for decoded in self._hex(content))
        elif b"\0" in content:
            yield "utf-16", content.replace(b"\0", b"")

    def _base64(self, content: bytes) -> Iterator[bytes]:
        """Yield what the runs of the base64 alphabet decode to at each of their four alignments."""
        runs = [run.translate(_URL_SAFE) for run in self._base64_run.findall(content)]
        return _sorted([_decoded(run[start:]) for run in runs for start in range(4)])

    def _hex(self, content: bytes) -> Iterator[bytes]:
        """Yield what the runs of hexadecimal digits decode to at both of their alignments."""
        runs = self._hex_run.findall(content)
        return _sorted([binascii.unhexlify(_even(run[start:])) for run in runs for start in (0, 1)])


def _is_text(content: bytes) -> bool:
    """Tell whether escapes in ``content`` can mean anything: in compressed or mis-aligned bytes they are chance."""
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return len(content.translate(None, _PRINTABLE)) < len(content) * MOST_UNPRINTABLE
    return True


def _unescaped(content: bytes) -> Iterator[tuple[str, bytes]]:
    if b"%" in content:
        yield "percent", unquote_to_bytes(content)
    if b"&" in content:
        yield "html", _ENTITY.sub(_entity, content)
    if b"\\" in content:
        yield "json", _ESCAPE.sub(_escape, _PAIR.sub(_pair, content))
    if b"\\x" in content:
        yield "bytes", _BYTE.sub(lambda match: bytes.fromhex(match[1].decode()), content)


def _png_texts(content: bytes) -> Iterator[bytes]:
    """Yield the chunks of a PNG picture that are not pixels, what follows its end, and its compressed texts."""
    position = len(_PNG)
    while position < len(content):
        length, kind = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        end = len(content) if kind == b"IEND" else position + 12 + length
        if kind != b"IDAT":
            yield content[position + 8 : end]
            yield from _inflated(content[position + 8 : end])
        position = end


def _inflated(data: bytes) -> Iterator[bytes]:
    """Yield what unpacks from wherever a zlib stream may begin in ``data``."""
    for stream in _ZLIB.finditer(data):
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
                yield _capped(archive.open(member).read(MOST_BYTES + 1))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zlib.error) as error:
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


def _decoded(run: bytes) -> bytes:
    """Decode the whole bytes in ``run``; a last lone character carries none."""
    whole = run[:-1] if len(run) % 4 == 1 else run
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _even(digits: bytes) -> bytes:
    return digits[: len(digits) // 2 * 2]


def _sorted(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Yield all pieces in one, one to a line, then again what may hold more: the text in one, each file by itself."""
    yield b"\0\n".join((b"", *pieces))
    yield b"\n".join(piece for piece in pieces if _is_text(piece))
    yield from (piece for piece in pieces if piece.startswith(_FILES))
