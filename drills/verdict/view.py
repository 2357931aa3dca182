"""The samples of one gate, cleaned and ready to be measured over windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drills.evidence.records import Interval, Samples
from drills.runbook.model import Comparison, Gate, Gauge, Increase, Quantile, Rate, Ratio, Selector
from drills.verdict import series
from drills.verdict.gauges import Gauges
from drills.verdict.increments import Increments
from drills.verdict.recording import Instance, Recording, laid_out
from drills.verdict.series import Curve, Scrapes
from drills.verdict.spans import Coverage, Flags, Floats, Spans

#: Two scrapes of an instance further apart than this many sampling intervals leave a gap: one lost scrape is bridged.
GAP_INTERVALS = 2.5


@dataclass(frozen=True)
class View:
    """What is known for one gate.

    ``moments`` are the readable scrapes of all instances; ``counters`` hold the gains of each role; ``bounds`` are the
    upper bounds of the buckets of a quantile; ``spanned`` is the time between the first and the last undisturbed
    scrape; ``absent`` names the roles for which no series exists; ``unread`` counts readings that were thrown away.
    """

    gate: Gate
    window: float
    gap: float
    moments: Floats
    counters: Mapping[str, Increments]
    bounds: Floats
    gauges: Gauges
    coverage: Coverage
    spanned: Spans
    absent: frozenset[str]
    unread: int

    @property
    def unproved(self) -> frozenset[str]:
        """The absent roles that cannot be taken as zero: only a counter can, and only with evidence beside it."""
        quiet = {Ratio: {"numerator"}, Increase: {"of"}, Rate: {"of"}}.get(type(self.gate.measure), set())
        return self.absent - quiet if "evidence" in self.counters else self.absent

    def gained(self, role: str, points: Floats) -> Floats:
        """Return what the counters of ``role`` gained in the window that ends at each point, buckets added up."""
        total: Floats = self.counters[role].inside(points - self.window, points).sum(axis=1)
        return total


def selectors(gate: Gate) -> dict[str, Selector]:
    """Return the selectors of a gate by role: ``of``, or ``numerator`` and ``denominator``; and ``evidence``."""
    measure = gate.measure
    if isinstance(measure, Ratio):
        roles = {"numerator": measure.numerator, "denominator": measure.denominator}
    else:
        roles = {"of": measure.of}
    return roles if gate.evidence is None else {**roles, "evidence": gate.evidence}


def view(gate: Gate, samples: Samples | Recording, *, window: float, disturbances: Sequence[Interval]) -> View:
    """Return the samples of ``gate``, ready to be measured over windows of ``window`` seconds."""
    recording = laid_out(samples)
    bounds, curves, absent = _curves(gate, recording)
    every = [curve for found in curves.values() for curve in found]
    seen = series.scrapes(recording, every)
    disturbed = _spans(disturbances if gate.steady_state else ())
    gauges = curves.pop("of") if isinstance(gate.measure, Gauge) else ()
    coverage, spanned = _coverage(seen.values(), disturbed, samples.interval_seconds, window)
    return View(
        gate=gate,
        window=window,
        gap=GAP_INTERVALS * samples.interval_seconds,
        moments=series.moments(seen.values()),
        counters={role: _gains(found, seen, bounds, window, disturbed) for role, found in curves.items()},
        bounds=bounds,
        gauges=Gauges.of(gauges, disturbed),
        coverage=coverage,
        spanned=spanned,
        absent=absent,
        unread=sum(int(np.count_nonzero(~curve.readable)) for curve in every if not curve.is_whole),
    )


def _curves(gate: Gate, recording: Recording) -> tuple[Floats, dict[str, tuple[Curve, ...]], frozenset[str]]:
    """Return the bounds of the buckets, the curves of each role, and the roles for which no series exists."""
    found = {}
    for role, selector in selectors(gate).items():
        believable = _gauge_reading(gate) if isinstance(gate.measure, Gauge) and role == "of" else series.is_count
        found[role] = series.read(recording, selector, believable)
    curves = {role: series.curves(readings) for role, readings in found.items()}
    bounds = np.empty(0)
    if isinstance(gate.measure, Quantile):
        bounds, curves["of"] = series.histograms(found["of"])
    return bounds, curves, frozenset(role for role, readings in found.items() if not readings)


def _gauge_reading(gate: Gate) -> series.Believable:
    """Believe an infinite gauge only where it breaks the objective: no gate passes on a reading of infinity."""
    upward = isinstance(gate.objective, Comparison) and gate.objective.relation in {">", ">="}
    breaking = -np.inf if upward else np.inf

    def believable(values: Floats) -> Flags:
        flags: Flags = np.isfinite(values) | (values == breaking)
        return flags

    return believable


def _gains(
    curves: Sequence[Curve], seen: Mapping[Instance, Scrapes], bounds: Floats, window: float, disturbed: Spans
) -> Increments:
    columns = curves[0].values.shape[1] if curves else max(1, len(bounds))
    whole = (series.grown(curve, seen[curve.instance]) for curve in curves)
    return Increments.of(whole, columns=columns, longest=window, left_out=disturbed)


def _coverage(seen: Iterable[Scrapes], disturbed: Spans, interval: float, window: float) -> tuple[Coverage, Spans]:
    """Return what was watched without a gap, and what lies between undisturbed scrapes however far apart.

    A disturbance reaches into the pairs of scrapes around it, so that one interval on either side is excused with it.
    """
    moments = series.distinct(scrapes.readable for scrapes in seen)
    starts, ends = _joined(times[:-1] for times in moments), _joined(times[1:] for times in moments)
    calm = ~disturbed.touching(starts, ends)
    starts, ends = starts[calm], ends[calm]
    close, spanned = ends - starts <= GAP_INTERVALS * interval, ends - starts <= window
    excused = Spans.union(disturbed.starts - interval, disturbed.ends + interval)
    return Coverage(Spans.union(starts[close], ends[close]), excused), Spans.union(starts[spanned], ends[spanned])


def _spans(disturbances: Sequence[Interval]) -> Spans:
    return Spans.union(
        np.array([each.started_at.timestamp() for each in disturbances], dtype=np.float64),
        np.array([each.finished_at.timestamp() for each in disturbances], dtype=np.float64),
    )


def _joined(parts: Iterable[Floats]) -> Floats:
    return np.concatenate([*parts, np.empty(0)])
