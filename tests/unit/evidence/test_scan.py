"""The scan sees a secret through whatever stands between it and the reader, and says nothing else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence import layers
from drills.evidence.redaction import Redactor
from drills.evidence.scan import Finding, scan, scan_files

CANARY = "canary-planted-in-every-channel"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _zip(name: str, content: str | bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _zip_with_comment(text: str) -> bytes:
    file = io.BytesIO(_zip("a.txt", "nothing"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = text.encode().hex().encode()
    return file.getvalue()


def _png(kind: bytes, data: bytes) -> bytes:
    chunk = len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return PIXEL[:33] + chunk + PIXEL[33:]


WRAPPINGS: dict[str, Callable[[str], bytes]] = {
    "zip": lambda text: _zip("a.txt", text * 3),
    "name of a zip member": lambda text: _zip(text, b"nothing"),
    "zip in zip": lambda text: _zip("inner.zip", _zip("a.txt", text)),
    "gzip": lambda text: gzip.compress(text.encode() * 3),
    "gzip in base64 in json": lambda text: json.dumps(
        {"body": base64.b64encode(gzip.compress(text.encode())).decode()}
    ).encode(),
    "base64 in base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "base64 in lines": lambda text: base64.encodebytes(b"." * 40 + text.encode()),
    "base64 behind a": lambda text: b"/" + base64.b64encode(text.encode()),
    "base64 behind ab": lambda text: b"a/" + base64.b64encode(text.encode()),
    "base64 behind abc": lambda text: b"/a/" + base64.b64encode(text.encode()),
    "hex behind a digit": lambda text: b"0" + text.encode().hex().encode(),
    "hex in json in zip": lambda text: _zip("a.json", json.dumps({"h": text.encode().hex()})),
    "utf-16": lambda text: text.encode("utf-16"),
    "binary": lambda text: bytes(range(256)) + text.encode() + bytes(range(256)),
    "png text": lambda text: _png(b"tEXt", b"Comment\0" + text.encode()),
    "png compressed text": lambda text: _png(b"zTXt", b"Comment\0\0" + zlib.compress(text.encode())),
    "png camera data": lambda text: _png(b"eXIf", b"II*\0" + text.encode("utf-16-le")),
    "png tail": lambda text: PIXEL + text.encode(),
    "png tail in hex": lambda text: PIXEL + text.encode().hex().encode(),
    "comment of a zip in hex": _zip_with_comment,
    "png in html": lambda text: (
        b'<img src="data:image/png;base64,'
        + base64.b64encode(_png(b"zTXt", b"C\0\0" + zlib.compress(text.encode())))
        + b'">'
    ),
    "basic authentication": lambda text: b"Basic " + base64.b64encode(f"me:{text}".encode()),
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_secret_is_seen_inside(wrap: Callable[[str], bytes]) -> None:
    """Archives are unpacked, pictures' texts are read, encodings are undone, one inside the other."""
    found = scan_files({"file": wrap(CANARY)}, Redactor(CANARY).secrets)

    assert {(finding.path, finding.kind) for finding in found} == {("file", "canary")}


def test_a_finding_says_where_and_not_what() -> None:
    """The finding names the file, the secret's name and the way to it; the secret itself is not repeated."""
    (found,) = scan_files({"a.json": json.dumps({"k": CANARY.encode().hex()}).encode()}, Redactor(CANARY).secrets)

    assert str(found) == "a.json: canary inside hex"
    assert CANARY not in repr(found)


def test_tokens_and_private_keys_are_seen_by_shape() -> None:
    """What nobody registered is found too, in plain sight or in base64."""
    token = jwt.encode({"sub": "canary"}, "canary-" * 8, algorithm="HS256").encode()
    key = b"-----BEGIN OPENSSH PRIVATE KEY-----\ncanary"
    files = {"a.txt": token, "b.txt": base64.b64encode(b"x" + token), "c.txt": key}

    assert [finding.kind for finding in scan_files(files, ())] == ["jwt", "jwt", "private-key"]


def test_names_are_scanned() -> None:
    """A secret in a file's name is published as much as one in its content."""
    assert scan_files({f"{CANARY}.txt": b""}, Redactor(CANARY).secrets) == (Finding(f"{CANARY}.txt", "canary"),)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"x" * 1000)[:-20], "a gzip stream that cannot be read"),
        (_zip("a.txt", b"x" * 1000).replace(b"a.txt", b"b.txt", 1), "a zip archive that cannot be read"),
        (gzip.compress(bytes(200_000_000), compresslevel=1), "an archive that unpacks to more than can be decoded"),
    ],
    ids=["torn gzip", "torn zip", "bomb"],
)
def test_what_cannot_be_read_is_a_finding(content: bytes, kind: str) -> None:
    """The scan fails closed: an archive that it cannot vouch for is not published."""
    assert scan_files({"file": content}, ()) == (Finding("file", kind),)


def test_a_folder_is_scanned_with_all_that_is_in_it(tmp_path: Path) -> None:
    """Subfolders and hidden files count; a symlink is not followed but reported."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".hidden").write_text(CANARY)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "sub")
    (tmp_path / "clean.txt").write_text("nothing here")

    assert scan(tmp_path, Redactor(CANARY)) == (
        Finding("elsewhere", "not a readable plain file"),
        Finding("link", "not a readable plain file"),
        Finding("sub/.hidden", "canary"),
    )


@given(st.binary(max_size=2000))
def test_ordinary_content_is_no_finding(content: bytes) -> None:
    """Bytes that hold no secret give no finding and no error, whatever they are."""
    assert scan_files({"file": content.replace(b"PK", b"pk").replace(b"\x1f\x8b", b"")}, Redactor(CANARY).secrets) == ()


def test_a_large_page_is_scanned_in_bounded_time_and_room() -> None:
    """A megabyte of escapes within escapes does not multiply without end."""
    piece = json.dumps({"log": "100% & more \\ 'x' +", "n": [1.5, "é"]})
    content = json.dumps([piece] * 15_000).encode()

    assert scan_files({"a.json": content + CANARY.encode().hex().encode()}, Redactor(CANARY).secrets) == (
        Finding("a.json", "canary", "hex"),
    )


def test_a_bomb_in_many_parts_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are each small enough are counted together."""
    monkeypatch.setattr(layers, "MOST_BYTES", 10_000)
    parts = b"\n".join(base64.b64encode(gzip.compress(bytes([number]) * 4000)) for number in range(5))

    assert scan_files({"file": parts}, ()) == (Finding("file", "more than can be decoded"),)


def test_a_picture_with_a_broken_text_is_read_around_it() -> None:
    """What looks like compressed text and is none does not end the search."""
    picture = _png(b"zTXt", b"C\0\0\x78\x9c broken \x78\x9c" + zlib.compress(CANARY.encode()))

    assert scan_files({"a.png": picture}, Redactor(CANARY).secrets) == (Finding("a.png", "canary", "png"),)
