"""What a metric picture shows, as plain data, and the arithmetic behind it: gaps, downsampling, the worst point.

A value of None, or NaN, is a gap: nothing was observed. Times are aware datetimes, drawn in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

Point = tuple[datetime, float | None]
Segment = tuple[tuple[datetime, float], ...]

#: A step this many times the usual one is a gap even where no sample says so.
_GAP_STEPS = 2.5
_ROOM = 0.18
_MAXIMUM_TICKS = 9
#: Seconds between ticks: round in seconds, minutes, hours and days.
_STEPS = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
_EPOCH, _MOMENT = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=0.5)
#: More points than pixels only make the file larger.
MAXIMUM_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture, with its points in the order of time."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The limit that the lines must keep: ``relation`` is what a value must be to it (``<``, ``<=``, ``>``, ``>=``)."""

    value: float
    relation: Literal["<", "<=", ">", ">="]
    label: str

    @property
    def upper(self) -> bool:
        """Whether values must stay below."""
        return self.relation.startswith("<")


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment worth a number on the picture and a line below it, such as a switch."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Shade:
    """An interval that the drill disturbed."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, slots=True)
class PlotSpec:
    """A metric picture: lines over time, their limit, moments and disturbances."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    threshold: Threshold | None = None
    markers: tuple[Marker, ...] = ()
    shaded: tuple[Shade, ...] = ()

    @property
    def moments(self) -> tuple[datetime, ...]:
        """Every moment at which there is something to see."""
        points = (at for line in self.lines for at, _ in line.points)
        return (
            *points,
            *(one.at for one in self.markers),
            *(end for one in self.shaded for end in (one.start, one.end)),
        )


def segments(points: Sequence[Point]) -> tuple[Segment, ...]:
    """Return the runs of finite values between gaps, thinned out to at most a few thousand points in all."""
    runs = tuple(_runs(points))
    total = sum(map(len, runs))
    return tuple(thinned(run, max(2, MAXIMUM_POINTS * len(run) // total)) for run in runs)


def beyond(points: Sequence[Point]) -> tuple[datetime, ...]:
    """Return the moments at which a value was infinite, such as a quantile in a histogram's last bucket."""
    return tuple(at for at, value in points if value is not None and math.isinf(value))


def thinned(run: Segment, limit: int) -> Segment:
    """Return at most ``limit`` points of ``run``: the ends, and of each stretch its lowest and highest."""
    if len(run) <= limit:
        return run
    stretches = max(1, (limit - 2) // 2)
    inner = run[1:-1]
    kept = [run[0]]
    for number in range(stretches):
        stretch = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        kept += sorted({min(stretch, key=_value), max(stretch, key=_value)})
    return (*kept, run[-1])


def worst(spec: PlotSpec) -> float | None:
    """Return the value nearest to the limit or furthest beyond it; None without a limit or without a value."""
    values = [value for line in spec.lines for _, value in line.points if value is not None and not math.isnan(value)]
    if spec.threshold is None or not values:
        return None
    return max(values) if spec.threshold.upper else min(values)


def span(spec: PlotSpec) -> tuple[datetime, datetime]:
    """Return the first and the last moment of anything in the picture; a second around a single one."""
    moments = spec.moments
    first, last = min(moments, default=_EPOCH), max(moments, default=_EPOCH)
    return (first, last) if first < last else (first - _MOMENT, last + _MOMENT)


def bounds(spec: PlotSpec) -> tuple[float, float]:
    """Return the lower and upper end of the value axis: zero, the values and the limit, with room above."""
    values = [value for line in spec.lines for _, value in line.points if value is not None and math.isfinite(value)]
    limit = [spec.threshold.value] if spec.threshold else []
    lowest, highest = min([0.0, *values, *limit]), max([0.0, *values, *limit])
    room = (highest - lowest) * _ROOM or 1.0
    return (lowest - room if lowest < 0 else 0.0), highest + room


def ticks(start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Return up to ten moments between the two, at round times in UTC."""
    seconds = (end - start).total_seconds()
    step = next((one for one in _STEPS if seconds / one <= _MAXIMUM_TICKS), _STEPS[-1])
    first = math.ceil(start.timestamp() / step)
    return tuple(
        datetime.fromtimestamp(number * step, UTC) for number in range(first, int(end.timestamp() // step) + 1)
    )


def rows_for(places: Sequence[float], width: float) -> tuple[int, ...]:
    """Return for each of the ascending ``places`` the lowest row in which a bubble of ``width`` overlaps no other."""
    ends: list[float] = []
    rows = []
    for place in places:
        row = next((number for number, end in enumerate(ends) if place - end >= width), len(ends))
        ends[row : row + 1] = [place]
        rows.append(row)
    return tuple(rows)


def _runs(points: Sequence[Point]) -> Iterator[Segment]:
    longest = _longest_step(points)
    run: list[tuple[datetime, float]] = []
    for at, value in points:
        late = bool(run) and (at - run[-1][0]).total_seconds() > longest
        observed = value is not None and math.isfinite(value)
        if run and (late or not observed):
            yield tuple(run)
            run = []
        if value is not None and observed:
            run.append((at, value))
    if run:
        yield tuple(run)


def _longest_step(points: Sequence[Point]) -> float:
    steps = [(later - earlier).total_seconds() for (earlier, _), (later, _) in pairwise(points)]
    return _GAP_STEPS * median(steps) if steps else math.inf


def _value(point: tuple[datetime, float]) -> float:
    return point[1]
