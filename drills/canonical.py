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
    return "sha256:" + hashlib.sha256(content).hexdigest()


def summary_hash(summary: Mapping[str, object]) -> str:
    """Return the digest of ``summary`` without ``projected_at``: what checkpoints store and auditors compare."""
    return digest({key: value for key, value in summary.items() if key != VOLATILE_KEY})
