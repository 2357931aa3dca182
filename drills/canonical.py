"""Canonical JSON and the hash of a summary, shared by the staging auditor and by the drill's own audit.

The encoding is the payload encoding of the Khala lane: object keys sorted by code point, no spaces, arrays in order,
numbers and strings as a plain JSON encoder writes them, UTF-8. It is not RFC 8785: floats and the order of keys
beyond the Basic Multilingual Plane differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

#: Written into every summary by the projector at projection time; two equal summaries may differ in it.
VOLATILE_KEY = "projected_at"
#: How that key begins in canonical bytes, unless it is the first one. A quote inside a JSON string is escaped, and a
#: comma before a key is not, so that in valid JSON this is always a key and its text, of the summary or deeper inside.
_VOLATILE_FIELD = b',"projected_at":"'
_PREFIX = "sha256:"


def encode(value: object) -> bytes:
    """Return ``value`` as canonical JSON bytes.

    Raises:
        TypeError: ``value`` holds something that JSON cannot carry.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical encoding, written ``sha256:<hex>``."""
    return digest_of_bytes(encode(value))


def digest_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of ``content``, written ``sha256:<hex>``."""
    return _PREFIX + hashlib.sha256(content).hexdigest()


def summary_hash(summary: Mapping[str, object]) -> str:
    """Return the digest of ``summary`` without ``projected_at``: what checkpoints store and auditors compare."""
    return digest({key: value for key, value in summary.items() if key != VOLATILE_KEY})


def summary_matches(content: bytes, expected: str) -> bool:
    """Return whether the JSON document ``content`` is a summary whose hash is ``expected``.

    Says the same as ``summary_hash(orjson.loads(content)) == expected``. Bytes that are canonical already, which is
    how both lanes write them, are not encoded again.

    Raises:
        ValueError: ``content`` is not a JSON object.
    """
    head, found, rest = content.partition(_VOLATILE_FIELD)
    tail = rest.partition(b'"')[2]
    if found and _PREFIX + hashlib.sha256(head + tail).hexdigest() == expected and _is_outermost(head, tail):
        return True
    summary = orjson.loads(content)
    if not isinstance(summary, dict):
        raise ValueError("a summary is a JSON object")  # noqa: TRY004 - like any other content that is none
    return summary_hash(summary) == expected


def _is_outermost(head: bytes, tail: bytes) -> bool:
    """Return whether a field that stood between ``head`` and ``tail`` was one of the object itself.

    A field deeper inside belongs to the content, and must not be taken for the moment of projection. Either nothing
    else is open where ``head`` ends, or the shorter side is by itself the begin or the end of one whole object.
    """
    if head.rfind(b"{") == 0 and b"[" not in head:
        return True
    try:
        orjson.loads(head + b"}" if len(head) < len(tail) else b'{"":0' + tail)
    except orjson.JSONDecodeError:
        return False
    return True
