"""Gates held against recorded samples. Pure: the same samples always give the same verdict.

What decides, case by case and with the reasons, is written in ``docs/gates.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from drills.evidence.records import Interval, JudgedGate, Samples, Verdict
from drills.runbook.model import Comparison, Gate, TrendToZero
from drills.verdict import obstacles
from drills.verdict.findings import Finding, compare, settle, upward
from drills.verdict.measures import measure
from drills.verdict.recording import Recording
from drills.verdict.series import names
from drills.verdict.spans import ROUNDING, Floats
from drills.verdict.view import View, selectors, view


def judge_gate(
    gate: Gate,
    samples: Samples | Recording | None,
    *,
    settings: Mapping[str, float],
    disturbances: Sequence[Interval],
    period: tuple[datetime, datetime],
    rehearsal_window_seconds: float | None,
) -> JudgedGate:
    """Return the verdict on ``gate`` over the observation ``period``, with every figure it rests on.

    FAIL if the objective was broken at any point that could be judged; else INCONCLUSIVE if anything stood in the way
    of judging; else PASS. The window is the gate's, or the rehearsal's where that is shorter.
    """
    window = min(float(gate.window_seconds), rehearsal_window_seconds or math.inf)
    threshold, unset = _threshold(gate, settings)
    finding = _find(gate, samples, window, threshold, disturbances, period)
    hindrances = (*unset, *finding.obstacles)
    verdict = Verdict.FAIL if finding.broken else Verdict.INCONCLUSIVE if hindrances else Verdict.PASS
    objective = gate.objective
    return JudgedGate(
        id=gate.id,
        title=gate.title,
        source=gate.source,
        verdict=verdict,
        reason="; ".join([*finding.broken, *hindrances, *finding.remarks]),
        unit=gate.unit,
        observed=finding.observed,
        relation=objective.relation if isinstance(objective, Comparison) else objective.kind,
        threshold=threshold,
        margin=_margin(gate, finding.observed, threshold),
        window_seconds=window,
        runbook_window_seconds=float(gate.window_seconds),
        covered_seconds=round(finding.covered_seconds, 3),
        sample_count=round(finding.events),
        worst=finding.worst,
        worst_at=None if finding.worst_at is None else datetime.fromtimestamp(finding.worst_at, UTC),
    )


def metrics_of(gate: Gate) -> frozenset[str]:
    """Return the names of all metrics whose raw samples the gate needs, with and without the suffix ``_total``."""
    return frozenset().union(*(names(selector) for selector in selectors(gate).values()))


def rolling(
    gate: Gate,
    samples: Samples | Recording,
    *,
    disturbances: Sequence[Interval],
    step_seconds: float,
    window_seconds: float | None = None,
) -> tuple[tuple[datetime, float | None], ...]:
    """Return the measure over the rolling window, every ``step_seconds`` from the first sample to the last.

    None is a gap: a window with too little coverage or too few events, or a moment at which nothing had been sampled
    for longer than the scrapes are apart. ``window_seconds`` is the gate's unless given.
    """
    window = float(gate.window_seconds) if window_seconds is None else window_seconds
    if obstacles.unusable(samples):
        return ()
    seen = view(gate, samples, window=window, disturbances=disturbances)
    if not len(seen.moments):
        return ()
    points = np.arange(seen.moments[0], seen.moments[-1] + step_seconds / 2, step_seconds)
    measured = measure(seen, points)
    newest = seen.moments[np.searchsorted(seen.moments, points + ROUNDING, side="right") - 1]
    shown = measured.judgeable & (points - newest <= seen.gap) & (not obstacles.absent(seen))
    return tuple(
        (datetime.fromtimestamp(float(point), UTC), float(value) if visible else None)
        for point, value, visible in zip(points, measured.values, shown, strict=True)
    )


def _find(
    gate: Gate,
    samples: Samples | Recording | None,
    window: float,
    threshold: float | None,
    disturbances: Sequence[Interval],
    period: tuple[datetime, datetime],
) -> Finding:
    hindered = ("no samples were taken",) if samples is None else obstacles.unusable(samples)
    if samples is None or hindered:
        return Finding(obstacles=hindered)
    seen = view(gate, samples, window=window, disturbances=disturbances)
    start, end = (moment.timestamp() for moment in period)
    points = seen.moments[(seen.moments >= start) & (seen.moments <= end)]
    finding = _held(seen, points, start, threshold) if len(points) else Finding()
    hindered = (*obstacles.partial(samples), *obstacles.absent(seen), *obstacles.unobserved(seen, start, end))
    return finding.noting(hindered, obstacles.remarks(seen, samples))


def _held(seen: View, points: Floats, start: float, threshold: float | None) -> Finding:
    objective = seen.gate.objective
    if isinstance(objective, TrendToZero):
        return settle(seen, objective, points)
    return compare(seen, objective, points, start, threshold)


def _threshold(gate: Gate, settings: Mapping[str, float]) -> tuple[float | None, tuple[str, ...]]:
    """Return the threshold, or why there is none. A setting that the target does not give has no default."""
    objective = gate.objective
    if isinstance(objective, TrendToZero):
        return objective.epsilon, ()
    if objective.setting is None:
        return objective.threshold, () if objective.threshold is not None else ("the objective has no threshold",)
    value = settings.get(objective.setting)
    if value is None:
        return None, (f"the target does not say {objective.setting!r}: set it in the target profile",)
    if not math.isfinite(value):
        return None, (f"the setting {objective.setting!r} is {value}, not a number to compare with",)
    return float(value), ()


def _margin(gate: Gate, observed: float | None, threshold: float | None) -> float | None:
    if observed is None or threshold is None:
        return None
    objective = gate.objective
    rising = isinstance(objective, Comparison) and upward(objective)
    return observed - threshold if rising else threshold - observed
