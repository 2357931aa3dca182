"""Whatever a parser is fed, it answers in bounded time and room, and its only complaints are errors of this toolkit."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from drills.errors import DrillError
from tests.functional.fuzz.parsers import PARSERS, SECRET, Parser

#: Inputs for each parser; ``nox -s fuzz`` sets many more, and prints the figures.
BUDGET = int(os.environ.get("FUZZ_EXAMPLES", "25"))
#: Of the processor's time, for an input of at most a few hundred kilobytes.
LONGEST_SECONDS = 5.0
MOST_BYTES = 96 * 1024 * 1024

Change = Callable[[bytes], bytes]


@dataclass
class Figures:
    """What was fed to one parser, and what that cost at most."""

    inputs: int = 0
    refused: int = 0
    largest: int = 0
    slowest: float = 0.0
    peak: int = 0
    messages: set[str] = field(default_factory=set)

    def feed(self, parser: Parser, content: bytes) -> None:
        """Have ``content`` parsed and take the figures; what is no error of this toolkit ends the test."""
        tracemalloc.start()
        begun = time.process_time()
        try:
            parser.read(content)
        except DrillError as error:
            self.refused += 1
            self.messages.add(str(error))
        finally:
            self.slowest = max(self.slowest, time.process_time() - begun)
            self.peak = max(self.peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        self.inputs += 1
        self.largest = max(self.largest, len(content))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
#: What is hard on parsers: depth, length, escapes, numbers without end.
_NASTY = (
    b"[" * 200_000, b'{"a":' * 50_000, b"((((" * 20_000, b"a" * 300_000, b'"' + b"\\" * 100_000, b"%25" * 60_000,
    b"1" * 100_000, b"eyJ" * 60_000, b"\xff\xfe" * 1000, b"\0" * 10_000, b"= {" * 5_000, b"a = " + b"[" * 5_000,
    b"9e99999", b"[1e400, NaN, -Infinity]", b"\xed\xa0\x80", b"-----BEGIN " * 20_000, b'\n{"a"} 1' * 4_000,
    b"# TYPE a counter\n" * 4_000, b"://" * 60_000, b"<input " * 30_000, b'name="token" ' * 20_000,
)  # fmt: skip


@st.composite
def _inputs(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Return something like a good input with a few changes, or nothing like one."""
    kind = draw(st.sampled_from(["changed", "changed", "changed", "json", "bytes", "nasty", "nasty inside"]))
    if kind == "json":
        return json.dumps(draw(_json)).encode()
    if kind == "bytes":
        return draw(st.binary(max_size=400))
    if kind == "nasty":
        return draw(st.sampled_from(_NASTY))
    content = draw(st.sampled_from(seeds))
    if kind == "nasty inside":
        return _inserted(content, draw(st.integers(0, len(content))), draw(st.sampled_from(_NASTY)))
    for change in draw(st.lists(_changes(len(content)), min_size=0, max_size=4)):
        content = change(content)
    return content


def _changes(length: int) -> st.SearchStrategy[Change]:
    at = st.integers(0, max(length - 1, 0))
    return st.one_of(
        st.tuples(at, st.binary(min_size=1, max_size=6)).map(lambda p: lambda c: _inserted(c, *p)),
        st.tuples(at, st.binary(min_size=1, max_size=6)).map(
            lambda p: lambda c: c[: p[0]] + p[1] + c[p[0] + len(p[1]) :]
        ),
        st.tuples(at, st.integers(1, 40)).map(lambda p: lambda c: c[: p[0]] + c[sum(p) :]),
        st.tuples(at, st.integers(1, 80)).map(lambda p: lambda c: c[: sum(p)] + c[p[0] :]),
        at.map(lambda p: lambda c: c[:p]),
    )


def _inserted(content: bytes, at: int, more: bytes) -> bytes:
    return content[:at] + more + content[at:]


@pytest.mark.timeout(0 if BUDGET > 1000 else 300)
@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_holds_its_bounds(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A good input passes, any other is refused in words; neither takes long, and neither fills the memory."""
    parser, figures = PARSERS[name], Figures()
    seeds = parser.seeds()
    for seed in (*seeds, *_NASTY):
        figures.feed(parser, seed)

    @settings(
        max_examples=BUDGET,
        deadline=None,
        database=None,
        derandomize=BUDGET <= 1000,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_inputs(seeds))
    def fuzz(content: bytes) -> None:
        figures.feed(parser, content)

    fuzz()
    if BUDGET > 1000:
        with capsys.disabled():
            print(  # noqa: T201 - the figures are what the session is for
                f"\n{name:<26} {figures.inputs:>7} inputs, {figures.refused:>7} refused in "
                f"{len(figures.messages)} ways, slowest {figures.slowest:.3f} s, peak {figures.peak / 1e6:.1f} MB",
                end="",
            )

    assert figures.slowest < LONGEST_SECONDS
    assert figures.peak < MOST_BYTES


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in {"redactor", "last scan"}])
def test_a_complaint_is_short_and_shows_no_input(name: str) -> None:
    """A message is for a person: it does not repeat half a megabyte, and no secret that was fed in comes out."""
    parser, figures = PARSERS[name], Figures()
    for nasty in _NASTY:
        for seed in parser.seeds():
            figures.feed(parser, _inserted(seed, len(seed) // 2, nasty))

    assert [message[:100] for message in figures.messages if len(message) > 21_000] == []
