from __future__ import annotations

import hashlib
import json
import random

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from drills.canonical import digest, digest_of_bytes, encode, summary_hash, summary_matches

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


NESTED = st.dictionaries(TEXTS | st.just("projected_at"), JSON | st.just({"projected_at": "x"}), max_size=4)
PAYLOADS = st.dictionaries(TEXTS | st.sampled_from(["a", "projected_at", "z"]), JSON | NESTED, max_size=6)


@given(PAYLOADS, PAYLOADS)
def test_a_summary_matches_when_its_hash_is_equal(payload: dict[str, object], other: dict[str, object]) -> None:
    """The quick comparison says what a comparison of hashes says, wherever ``projected_at`` stands."""
    for expected in (summary_hash(payload), summary_hash(other), digest(payload), digest({})):
        assert summary_matches(encode(payload), expected) is (summary_hash(payload) == expected)


@given(SUMMARIES, TEXTS)
def test_bytes_that_are_not_canonical_match_too(summary: dict[str, object], moment: str) -> None:
    """A database that keeps JSON in its own way (spaces, another order of keys) changes no verdict."""
    spaced = json.dumps({"projected_at": moment, **summary}, indent=1).encode()

    assert summary_matches(spaced, summary_hash(summary))


@pytest.mark.parametrize("inner", [{"a": 1, "projected_at": "now"}, {"a": [], "projected_at": "now", "z": [{}]}])
def test_a_moment_deeper_inside_is_not_skipped(inner: dict[str, object]) -> None:
    """A document that has ``projected_at`` only deeper inside does not match the summary without it."""
    lost = {key: value for key, value in inner.items() if key != "projected_at"}
    for shape in (lambda value: {"b": value}, lambda value: {"b": [value], "runtime_source": {"seq": 1}}):
        assert summary_matches(encode(shape(inner)), summary_hash(shape(inner)))
        assert not summary_matches(encode(shape(inner)), summary_hash(shape(lost)))


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b'{"a":1,"projected_at":"'])
def test_what_is_no_summary_is_refused(content: bytes) -> None:
    """Content that is no JSON object is told apart from a summary with another hash."""
    with pytest.raises(ValueError, match=r"\w"):
        summary_matches(content, digest({}))


@pytest.mark.parametrize(
    ("value", "ours", "rfc_8785"),
    [
        (1.0, b"1.0", b"1"),
        (-0.0, b"-0.0", b"0"),
        (1e16, b"1e+16", b"10000000000000000"),
        (1e21, b"1e+21", b"1e+21"),
        (0.00001, b"0.00001", b"0.00001"),
        (
            {"\U0001f600": 1, "\uff61": 2},
            '{"\uff61":2,"\U0001f600":1}'.encode(),
            '{"\U0001f600":1,"\uff61":2}'.encode(),
        ),
        ({"b": [1, "é"], "a": None}, '{"a":null,"b":[1,"é"]}'.encode(), '{"a":null,"b":[1,"é"]}'.encode()),
    ],
)
def test_where_the_encoding_differs_from_rfc_8785(value: object, ours: bytes, rfc_8785: bytes) -> None:
    """Floats and keys beyond the Basic Multilingual Plane are written in another way, all else alike."""
    assert encode(value) == ours
    assert rfc8785.dumps(value) == rfc_8785  # type: ignore[arg-type]  # its type of JSON is private
