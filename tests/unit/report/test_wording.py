"""Figures as a reader wants them."""

from __future__ import annotations

import math

import pytest

from drills.evidence.records import Scalar, Verdict
from drills.report.wording import byte_size, clip, count, duration, figure, mark, quantity, scalar, sign


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3, "3"),
        (0.012345, "0.0123"),
        (12.345, "12.3"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1234567.8, "1,234,568"),
        (12345, "12,345"),
        (0.00001234, "1.23e-05"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (math.nan, "not observed"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, written: str) -> None:
    """A number is as exact as a reader needs, and never an exponent where it need not be."""
    assert figure(value) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0042, "ratio", "0.0042 (0.42 %)"),
        (0.0, "ratio", "0"),
        (84.21, "ms", "84.2 ms"),
        (1500, "ms", "1.5 s"),
        (0.25, "s", "250 ms"),
        (65, "s", "1 min 5 s"),
        (1, "events", "1 event"),
        (2, "events", "2 events"),
        (2048, "bytes", "2.05 KB"),
        (7, "", "7"),
        (math.inf, "ms", "∞"),
        (math.nan, "ms", "not observed"),
        (None, "ms", "not observed"),
    ],
)
def test_quantities_come_in_the_unit_that_suits_them(value: float | None, unit: str, written: str) -> None:
    """Times and sizes are scaled, ratios are given in percent too, and what was not seen is said to be so."""
    assert quantity(value, unit) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (0.0042, "4.2 ms"),
        (59.94, "59.9 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (3599.9, "60 min"),
    ],
)
def test_durations_read_like_durations(seconds: float, written: str) -> None:
    """A time span is told in at most two units."""
    assert duration(seconds) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "not observed"),
        ("khala", "khala"),
        ("", "(empty)"),
        (3, "3"),
        ("x" * 200, "x" * 159 + "…"),
    ],
)
def test_observed_values_of_every_kind_have_a_wording(value: Scalar, written: str) -> None:
    """Booleans are yes and no, None is not observed, and a long text is cut."""
    assert scalar(value) == written


def test_every_verdict_has_a_shape_and_its_word() -> None:
    """No verdict is told by a colour alone."""
    assert [mark(verdict).split("\N{NO-BREAK SPACE}", 1)[1] for verdict in Verdict] == [
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "NOT\N{NO-BREAK SPACE}RUN",
    ]
    assert len({mark(verdict)[0] for verdict in Verdict}) == len(Verdict)


def test_small_words() -> None:
    """Sizes, plurals, cuts and relations."""
    assert (byte_size(999), byte_size(80_000), byte_size(2_500_000)) == ("999 B", "80 KB", "2.5 MB")
    assert (count(1, "check"), count(2, "check"), count(2, "switch", "switches")) == (
        "1 check",
        "2 checks",
        "2 switches",
    )
    assert (clip("short", 10), clip("a long text", 7)) == ("short", "a long…")
    assert (sign("<="), sign("some_thing")) == ("≤", "some thing")
