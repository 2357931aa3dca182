"""The measures of a gate over windows of recorded samples: ratio, rate, increase, quantile and gauge.

Formulas, and where they differ from PromQL, are in ``docs/gates.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drills.runbook.model import Comparison, Gauge, Quantile, Rate, Ratio
from drills.verdict.quantiles import bucket_quantile
from drills.verdict.spans import Flags, Floats
from drills.verdict.view import View


@dataclass(frozen=True)
class Measured:
    """The measure over the window that ends at each of ``points``, NaN where it has no value.

    ``events`` are what the value rests on; ``judgeable`` says where coverage, events and value suffice for a verdict.
    """

    points: Floats
    values: Floats
    events: Floats
    covered: Floats
    enough_coverage: Flags
    judgeable: Flags


def measure(view: View, points: Floats) -> Measured:
    """Measure the gate of ``view`` over the window that ends at each of ``points``."""
    values, events = _values(view, points)
    if view.unproved:
        values = np.full(len(points), np.nan)
    lows = points - view.window
    enough = view.coverage.suffices(lows, points, view.gate.minimum_coverage)
    return Measured(
        points=points,
        values=values,
        events=events,
        covered=view.coverage.covered(lows, points),
        enough_coverage=enough,
        judgeable=enough & (events >= view.gate.minimum_samples) & ~np.isnan(values),
    )


def witnessed(view: View, points: Floats) -> Floats:
    """Return the events that show that a counter was watched: those of the evidence, or else the scrapes."""
    if "evidence" in view.counters:
        return view.gained("evidence", points)
    first = np.searchsorted(view.moments, points - view.window, side="left")
    return (np.searchsorted(view.moments, points, side="right") - first).astype(np.float64)


def _values(view: View, points: Floats) -> tuple[Floats, Floats]:
    """Return the value of the measure at each point, and the events behind it."""
    match view.gate.measure:
        case Ratio():
            return _ratio(view, points)
        case Quantile(q=q):
            return _quantile(view, q, points)
        case Gauge(take=take):
            return _gauge(view, take, points)
        case Rate():
            seconds = view.spanned.seconds(points - view.window, points)
            return _divided(view.gained("of", points), seconds), witnessed(view, points)
        case _:
            return view.gained("of", points), witnessed(view, points)


def _ratio(view: View, points: Floats) -> tuple[Floats, Floats]:
    events = view.gained("denominator", points)
    if "numerator" in view.absent:
        events = np.where(witnessed(view, points) > 0, events, 0.0)
    return _divided(view.gained("numerator", points), events), events


def _quantile(view: View, q: float, points: Floats) -> tuple[Floats, Floats]:
    counts = view.counters["of"].inside(points - view.window, points)
    if not has_buckets(view.bounds):
        return np.full(len(points), np.nan), counts.sum(axis=1)
    return bucket_quantile(q, view.bounds, counts), counts.sum(axis=1)


def has_buckets(bounds: Floats) -> bool:
    """Say whether a quantile can be located: at least one finite upper bound, and +Inf above it."""
    return len(bounds) > 1 and bool(np.isposinf(bounds[-1]))


def _gauge(view: View, take: str, points: Floats) -> tuple[Floats, Floats]:
    lows = points - view.window
    events = view.gauges.count(lows, points)
    if take == "max":
        return view.gauges.largest(lows, points), events
    if take == "mean":
        return view.gauges.mean(lows, points), events
    objective = view.gate.objective
    upward = isinstance(objective, Comparison) and objective.relation in {">", ">="}
    return view.gauges.last(points, oldest=min(view.gap, view.window), highest=not upward), events


def _divided(parts: Floats, wholes: Floats) -> Floats:
    """Divide, and say NaN where there is nothing to divide by."""
    quotients: Floats = np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)
    return quotients
