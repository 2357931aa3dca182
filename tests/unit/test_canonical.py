from __future__ import annotations

import hashlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.canonical import digest, digest_of_bytes, encode, summary_hash

INTEGERS = st.integers(min_value=-(2**63), max_value=2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | INTEGERS | TEXTS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5)
SUMMARIES = st.dictionaries(TEXTS, JSON, max_size=6)


def test_the_encoding_is_the_one_of_the_payloads() -> None:
    """Keys are sorted, arrays keep their order, there are no spaces, and text is UTF-8 and not escaped."""
    value = {"b": [3, 1, 2], "a": {"é": "✓", "d": None}, "c": 1.5, "B": True}

    assert encode(value) == '{"B":true,"a":{"d":null,"é":"✓"},"b":[3,1,2],"c":1.5}'.encode()


def test_keys_are_sorted_by_code_point_beyond_the_basic_plane_too() -> None:
    """U+FF61 stands before U+1F600, which an order by UTF-16 units (RFC 8785) would turn around."""
    assert encode({"\U0001f600": 1, "\uff61": 2}) == '{"\uff61":2,"\U0001f600":1}'.encode()


@given(JSON)
def test_an_independent_encoder_agrees(value: object) -> None:
    """Python's own encoder, told the same rules, writes the same bytes."""
    independent = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert encode(value) == independent


@given(SUMMARIES, st.randoms(use_true_random=False))
def test_the_order_of_insertion_does_not_matter(summary: dict[str, object], shuffler: random.Random) -> None:
    """Two writers of the same summary get the same hash."""
    items = list(summary.items())
    shuffler.shuffle(items)

    assert digest(dict(items)) == digest(summary)


def test_a_digest_names_its_algorithm() -> None:
    """A digest is SHA-256 in lower-case hex behind its name."""
    assert digest({}) == digest_of_bytes(b"{}") == "sha256:" + hashlib.sha256(b"{}").hexdigest()


@given(SUMMARIES, TEXTS, TEXTS)
def test_the_moment_of_projection_is_no_part_of_a_summary(summary: dict[str, object], one: str, other: str) -> None:
    """A summary projected again has the same hash."""
    assert summary_hash({**summary, "projected_at": one}) == summary_hash({**summary, "projected_at": other})


@given(SUMMARIES, INTEGERS, INTEGERS)
def test_anything_else_is(summary: dict[str, object], one: int, other: int) -> None:
    """A summary that differs anywhere else has another hash."""
    same = summary_hash({**summary, "seq": one}) == summary_hash({**summary, "seq": other})

    assert same is (one == other)


def test_only_the_outermost_moment_of_projection_is_left_out() -> None:
    """A field of the same name deeper inside belongs to the content."""
    assert summary_hash({"run": {"projected_at": "a"}}) != summary_hash({"run": {"projected_at": "b"}})


def test_what_json_cannot_carry_is_refused() -> None:
    """A value without a JSON form is an error, never a guess."""
    with pytest.raises(TypeError):
        encode({"set": {1, 2}})
