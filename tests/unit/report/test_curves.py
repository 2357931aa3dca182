"""Gaps, thinning, ticks and the worst point of a metric picture."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.report.curves import (
    MAXIMUM_POINTS,
    Line,
    Marker,
    PlotSpec,
    Shade,
    Threshold,
    beyond,
    bounds,
    rows_for,
    segments,
    span,
    thinned,
    ticks,
    worst,
)

START = datetime(2026, 2, 20, 14, 3, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment this many seconds after the start."""
    return START + timedelta(seconds=seconds)


def line(*values: float | None, step: float = 1) -> Line:
    """Return a line of one value a second."""
    return Line("rate", tuple((at(number * step), value) for number, value in enumerate(values)))


def test_what_was_not_observed_breaks_the_line() -> None:
    """None, NaN and infinities leave a gap; nothing is drawn across it."""
    runs = segments(line(1, 2, None, 4, math.nan, 6, math.inf, 8).points)
    assert [[value for _, value in run] for run in runs] == [[1, 2], [4], [6], [8]]


def test_a_missing_scrape_breaks_the_line() -> None:
    """A step much longer than the usual one is a gap, though no sample says so."""
    points = [(at(second), 1.0) for second in (0, 1, 2, 3, 8, 9)]
    assert [len(run) for run in segments(points)] == [4, 2]


def test_nothing_observed_is_no_line() -> None:
    """Without points, or with gaps only, there is nothing to draw."""
    assert (segments(()), segments(line(None, None).points), segments(line(1).points)) == ((), (), (((START, 1),),))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(4, 60))
def test_thinning_keeps_the_ends_and_the_extremes(values: list[float], limit: int) -> None:
    """A thinned line still shows its highest and lowest value, in the order of time."""
    run = tuple((at(number), value) for number, value in enumerate(values))
    kept = thinned(run, limit)
    assert len(kept) <= max(limit, 4)
    assert list(kept) == sorted(kept)
    assert (kept[0], kept[-1]) == (run[0], run[-1])
    assert {min(values), max(values)} <= {value for _, value in kept}


def test_a_day_of_seconds_becomes_a_few_thousand_points() -> None:
    """More points than pixels are not drawn."""
    runs = segments([(at(second), float(second % 7)) for second in range(86_400)])
    assert sum(map(len, runs)) <= MAXIMUM_POINTS + 4


def test_the_worst_value_is_the_one_nearest_the_limit() -> None:
    """For an upper limit the highest, for a lower limit the lowest; unknown without a limit or a value."""
    below, above = Threshold(5, "<", "gate"), Threshold(1, ">=", "gate")
    lines = (line(2, None, 4), line(3))
    assert worst(PlotSpec("t", "u", lines, below)) == 4
    assert worst(PlotSpec("t", "u", lines, above)) == 2
    assert worst(PlotSpec("t", "u", lines)) is None
    assert worst(PlotSpec("t", "u", (line(None),), below)) is None
    assert worst(PlotSpec("t", "u", (line(1, math.inf),), below)) == math.inf


def test_infinite_values_are_told_apart_from_gaps() -> None:
    """A quantile in the last bucket was observed, it is only not known how large it is."""
    assert beyond(line(1, math.inf, None, 2).points) == (at(1),)


def test_the_picture_spans_all_that_is_in_it() -> None:
    """Markers and disturbances outside of the samples are seen; a single moment gets a second around it."""
    spec = PlotSpec("t", "u", (line(1, 2),), None, (Marker(at(-3), "m"),), (Shade(at(1), at(9), "s"),))
    assert span(spec) == (at(-3), at(9))
    assert span(PlotSpec("t", "u", (line(1),))) == (at(-0.5), at(0.5))


@pytest.mark.parametrize(
    ("values", "limit", "expected"),
    [((0.0,), None, (0, 1)), ((50.0,), 100.0, (0, 118)), ((-100.0, 0.0), None, (-118, 18))],
)
def test_the_value_axis_holds_zero_the_values_and_the_limit(
    values: tuple[float, ...], limit: float | None, expected: tuple[float, float]
) -> None:
    """A picture does not exaggerate: its axis starts at zero, and the limit is always in sight."""
    threshold = None if limit is None else Threshold(limit, "<", "gate")
    assert bounds(PlotSpec("t", "u", (line(*values),), threshold)) == expected


@given(st.lists(st.floats(0, 10), max_size=40))
def test_numbers_never_cover_each_other(places: list[float]) -> None:
    """Markers close in time are stacked."""
    ordered = sorted(places)
    rows = rows_for(ordered, 0.5)
    for row in set(rows):
        inside = [place for place, its_row in zip(ordered, rows, strict=True) if its_row == row]
        assert all(later - earlier >= 0.5 for earlier, later in pairwise(inside))


@pytest.mark.parametrize("seconds", [1, 40, 600, 3600, 86_400, 30 * 86_400, 400 * 86_400])
def test_ticks_are_few_and_inside(seconds: int) -> None:
    """However long the drill, there are some ticks, in order, within the picture."""
    marks = ticks(START, at(seconds))
    assert marks
    assert list(marks) == sorted(marks)
    assert START <= marks[0] <= marks[-1] <= at(seconds)
    assert len(marks) <= 60


def test_ticks_are_at_round_times() -> None:
    """A reader finds whole five seconds, not the start of the drill plus something."""
    assert [f"{tick:%H:%M:%S}" for tick in ticks(START, at(20))] == [f"14:03:{second}" for second in (15, 20, 25, 30)]
