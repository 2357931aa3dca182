"""Summaries in the Erlang external term format, which the real runtime hashes.

Maps become lists of ``{Key, Value}`` tuples sorted by key, recursively; strings are binaries; ``true``, ``false`` and
``nil`` are atoms. The bytes are those of ``term_to_binary/1``: format version 131, tags as told in the chapter
"External Term Format" of the ERTS User's Guide.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence

import orjson

from drills.canonical import VOLATILE_KEY

FORMAT_VERSION = b"\x83"
#: An empty list, which also ends every other one.
NIL = b"\x6a"
PAIR = b"\x68\x02"
MAXIMUM_STRING = 0xFFFF
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**31), 2**31 - 1
MAXIMUM_SMALL_BIG = 255


class TermEncoder:
    """Writes JSON values as Erlang terms. ``utf8_atoms`` is what Erlang/OTP 26 and later do by themselves."""

    def __init__(self, *, utf8_atoms: bool) -> None:
        self._atoms = {value: _atom(name, utf8=utf8_atoms) for value, name in _ATOM_NAMES.items()}

    def encode(self, value: object) -> bytes:
        """Return ``value`` as ``term_to_binary/1`` writes it.

        Raises:
            TypeError: ``value`` holds something that JSON cannot carry.
        """
        return FORMAT_VERSION + self._term(value)

    def summary_hash(self, summary: Mapping[str, object]) -> str:
        """Return the SHA-256 of ``summary`` without ``projected_at``, in lower-case hex."""
        kept = {key: value for key, value in summary.items() if key != VOLATILE_KEY}
        return hashlib.sha256(self.encode(kept)).hexdigest()

    def summary_matches(self, content: bytes, expected: str) -> bool:
        """Return whether the JSON document ``content`` is a summary whose hash is ``expected``.

        Raises:
            ValueError: ``content`` is not a JSON object.
        """
        summary = orjson.loads(content)
        if not isinstance(summary, dict):
            raise ValueError("a summary is a JSON object")  # noqa: TRY004 - like any other content that is none
        return self.summary_hash(summary) == expected

    def _term(self, value: object) -> bytes:
        match value:
            case None | bool():
                return self._atoms[value]
            case str():
                return _binary(value)
            case int():
                return _integer(value)
            case float():
                return b"F" + struct.pack(">d", value)
            case dict():
                # UTF-8 keeps the order of code points, which is how Erlang compares binaries.
                return _list([PAIR + _binary(key) + self._term(value[key]) for key in sorted(value)])
            case list():
                return _string(value) or _list([self._term(one) for one in value])
        raise TypeError(f"{type(value).__name__} has no place in a summary")


_ATOM_NAMES: Mapping[bool | None, bytes] = {True: b"true", False: b"false", None: b"nil"}


def _atom(name: bytes, *, utf8: bool) -> bytes:
    return b"w" + bytes([len(name)]) + name if utf8 else b"d" + struct.pack(">H", len(name)) + name


def _binary(text: str) -> bytes:
    content = text.encode()
    return b"m" + struct.pack(">I", len(content)) + content


def _integer(value: int) -> bytes:
    if 0 <= value <= 0xFF:  # noqa: PLR2004 - one byte
        return b"a" + bytes([value])
    if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
        return b"b" + struct.pack(">i", value)
    size = (value.bit_length() + 7) // 8
    length = b"n" + bytes([size]) if size <= MAXIMUM_SMALL_BIG else b"o" + struct.pack(">I", size)
    return length + bytes([value < 0]) + abs(value).to_bytes(size, "little")


def _string(values: Sequence[object]) -> bytes | None:
    """Return a list of bytes as Erlang writes it, which takes it for text; None for any other list."""
    if not values or len(values) > MAXIMUM_STRING or not all(_is_byte(value) for value in values):
        return None
    return b"k" + struct.pack(">H", len(values)) + bytes(values)  # type: ignore[arg-type]  # each is a byte, just asked


def _is_byte(value: object) -> bool:
    return type(value) is int and 0 <= value <= 0xFF  # noqa: PLR2004 - one byte; a bool is no number


def _list(terms: Sequence[bytes]) -> bytes:
    return b"l" + struct.pack(">I", len(terms)) + b"".join(terms) + NIL if terms else NIL
