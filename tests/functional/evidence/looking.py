"""A search for words in files, however they are wrapped. It shares nothing with the product.

It unpacks archives, reads the texts of pictures with Pillow, and undoes base64, percent, HTML and backslashes, again
and again, in plain ways and without regard to time.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PIL import Image, UnidentifiedImageError

DEEPEST = 4


def words_in(content: bytes, words: Iterable[str]) -> set[str]:
    """Return those of ``words`` that can be found in ``content``, whatever stands around them."""
    missing = {word: word.encode() for word in words}
    found: set[str] = set()
    for layer in _layers(content):
        found |= {word for word, code in missing.items() if code in layer}
        missing = {word: code for word, code in missing.items() if word not in found}
        if not missing:
            break
    return found


def words_in_folder(folder: Path, words: Iterable[str]) -> Mapping[str, list[str]]:
    """Return in which files below ``folder`` each word was found; names of files count."""
    found: dict[str, list[str]] = {word: [] for word in words}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        for word in words_in(name.encode(), found) | words_in(path.read_bytes(), found):
            found[word].append(name)
    return found


def _layers(content: bytes) -> Iterator[bytes]:
    """Yield ``content`` and all that is inside it, the least wrapped first: what was seen need not be opened again."""
    seen, present = {content}, [content]
    for _ in range(DEEPEST + 1):
        yield from present
        yield from (layer.replace(b"\0", b"") for layer in present)
        inside = dict.fromkeys(inner for layer in present for inner in (*_unpacked(layer), *_undone(layer)))
        present = [inner for inner in inside if inner not in seen]
        seen |= inside.keys()


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield archive.comment
            for member in archive.infolist():
                yield member.filename.encode()
                yield archive.read(member)
    elif content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:4] in {b"\x89PNG", b"RIFF"} or content[:2] == b"\xff\xd8":
        try:
            with Image.open(io.BytesIO(content)) as picture:
                picture.load()
                yield repr(sorted(map(repr, picture.info.items()))).encode()
        except UnidentifiedImageError:
            return


def _undone(content: bytes) -> Iterator[bytes]:
    if content[:4] in {b"\x89PNG", b"PK\x03\x04"}:
        return
    text = content.decode("utf-8", "replace")
    if "%" in text:
        yield unquote_to_bytes(text)
    if "&" in text:
        yield html.unescape(text).encode()
    if "\\" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text).encode("utf-8", "replace")
        yield text.replace("\\\\", "\\").replace('\\"', '"').replace("\\/", "/").encode("utf-8", "replace")
    runs = re.findall(rb"[A-Za-z0-9+/_-]{16,}", content)
    yield b"\n".join(_decoded(run[start:]) for run in runs for start in range(4))
    hexadecimal = re.findall(rb"(?:[0-9a-f]{2}){12,}|(?:[0-9A-F]{2}){12,}", content)
    yield b"\n".join(bytes.fromhex(run.decode()) for run in hexadecimal)


def _decoded(run: bytes) -> bytes:
    plain = run.replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(plain[: len(plain) // 4 * 4] + (b"" if len(plain) % 4 < 2 else _rest(plain)))


def _rest(plain: bytes) -> bytes:
    rest = plain[len(plain) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest))
