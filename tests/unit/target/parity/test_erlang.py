"""The Erlang term scheme is held against a real ``erl``."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.target.parity.erlang import TermEncoder

ERL = shutil.which("erl")
needs_erl = pytest.mark.skipif(ERL is None, reason="no erl here: apt-get install erlang-base")
#: Reads Erlang expressions, one a line, and writes term_to_binary of each as hex, one a line.
PROGRAM = """
Hex = fun(B) -> [io_lib:format("~2.16.0b", [X]) || <<X>> <= B] end,
{ok, Content} = file:read_file(os:getenv("TERMS")),
lists:foreach(fun(Line) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Line) ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Written = [Hex(term_to_binary(Term, [{minor_version, Version}])) || Version <- [1, 2]],
    io:format("~s ~s~n", Written)
  end, binary:split(Content, <<10>>, [global, trim])),
halt().
"""
INTEGERS = st.integers(-(2**63), 2**64 - 1) | st.sampled_from(
    [-(2**31) - 1, -(2**31), -1, 0, 255, 256, 2**31 - 1, 2**31]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTEGERS | TEXTS | FLOATS
BYTES = st.lists(st.integers(0, 255), max_size=5)
VALUES = st.recursive(
    SCALARS | BYTES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
SUMMARIES = st.dictionaries(TEXTS | st.just("projected_at"), VALUES, max_size=5)
LONG: list[object] = [[1] * 65_535, [1] * 65_536, {"": 2**4096}, "é" * 300, [2**4096, -(2**4096)], [True], [-0.0]]


def as_erlang(value: object) -> str:  # noqa: PLR0911 - one return for each kind of value
    """Write a JSON value as an Erlang expression by the rules that the runtime hashes by: maps as sorted pairs."""
    match value:
        case None:
            return "nil"
        case bool():
            return str(value).lower()
        case str():
            return f"<<{','.join(map(str, value.encode()))}>>"
        case dict():
            pairs = sorted(value.items(), key=lambda pair: str(pair[0]).encode())
            return f"[{','.join(f'{{{as_erlang(key)},{as_erlang(inner)}}}' for key, inner in pairs)}]"
        case list():
            return f"[{','.join(map(as_erlang, value))}]"
        case float():
            mantissa, _, exponent = f"{value:.17e}".partition("e")
            return f"{mantissa}e{int(exponent)}"
    return str(value)


def erl(values: Sequence[object], folder: Path) -> list[tuple[str, str]]:
    """Return what a real Erlang writes for ``values``: with atoms as OTP 25 writes them, and as OTP 26 does."""
    terms = folder / "terms"
    terms.write_text("\n".join(map(as_erlang, values)), encoding="utf-8")
    done = subprocess.run(
        [str(ERL), "-noshell", "-eval", PROGRAM],
        env={"TERMS": str(terms), "HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return [(old, new) for old, new in lines]


def examples() -> list[object]:
    """Return many values of every kind, the same ones at every run."""
    found: list[object] = []

    def collect(value: object) -> None:
        found.append(value)

    settings(derandomize=True, max_examples=300, database=None)(given(VALUES)(collect))()
    return found + LONG


@needs_erl
def test_a_real_erlang_writes_the_same_bytes(tmp_path: Path) -> None:
    """Some hundred values of every kind, the long and the odd ones included, under old and new Erlang alike."""
    values = examples()
    encoders = TermEncoder(utf8_atoms=False), TermEncoder(utf8_atoms=True)

    assert [tuple(one.encode(value).hex() for one in encoders) for value in values] == erl(values, tmp_path)
    assert len(values) > 200


@given(SUMMARIES, TEXTS)
def test_the_moment_of_projection_is_no_part_of_the_hash(summary: dict[str, object], moment: str) -> None:
    """A summary projected again has the same hash: lower-case hex, without the name of the algorithm."""
    encoder = TermEncoder(utf8_atoms=True)
    kept = {key: value for key, value in summary.items() if key != "projected_at"}
    expected = hashlib.sha256(encoder.encode(kept)).hexdigest()

    assert encoder.summary_hash({**summary, "projected_at": moment}) == expected
    assert encoder.summary_matches(orjson.dumps({**summary, "projected_at": moment}), expected)
    assert not encoder.summary_matches(orjson.dumps({**kept, "more": 1.5}), expected)


def test_old_and_new_erlang_differ_only_in_atoms() -> None:
    """A summary without ``true``, ``false`` and ``nil`` has one hash under both; one with any of them has two."""
    old, new = TermEncoder(utf8_atoms=False), TermEncoder(utf8_atoms=True)

    assert old.summary_hash({"a": [1, "b", 2.5]}) == new.summary_hash({"a": [1, "b", 2.5]})
    assert old.summary_hash({"a": None}) != new.summary_hash({"a": None})


def test_numbers_of_two_kinds_are_two_values() -> None:
    """1 and 1.0 are told apart, as canonical JSON tells them apart and RFC 8785 does not."""
    encoder = TermEncoder(utf8_atoms=True)

    assert encoder.summary_hash({"a": 1}) != encoder.summary_hash({"a": 1.0})


def test_what_json_cannot_carry_is_refused() -> None:
    """A value without a JSON form is an error, never a guess; so is content that is no JSON object."""
    encoder = TermEncoder(utf8_atoms=True)
    with pytest.raises(TypeError, match="set"):
        encoder.encode({"a": {1, 2}})
    with pytest.raises(ValueError, match="object"):
        encoder.summary_matches(b"[]", "")
