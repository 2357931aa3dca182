"""A gate's objective held against its measure: compared at every point, or tested for a trend at the last one."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from drills.runbook.model import Comparison, Increase, Quantile, Rate, TrendToZero
from drills.verdict import obstacles
from drills.verdict.measures import Measured, measure, witnessed
from drills.verdict.obstacles import clock, figure
from drills.verdict.spans import Flags, Floats
from drills.verdict.trend import FEWEST, Trend, trend
from drills.verdict.view import View

_RELATIONS: Mapping[str, Callable[[Floats, float], Flags]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Finding:
    """What was found: how the objective was ``broken``, what are ``obstacles`` to judging, and ``remarks``."""

    broken: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    observed: float | None = None
    covered_seconds: float = 0.0
    events: float = 0.0
    worst: float | None = None
    worst_at: float | None = None

    def noting(self, obstacles: tuple[str, ...], remarks: tuple[str, ...]) -> Finding:
        """Return the finding with further obstacles and remarks."""
        return replace(self, obstacles=(*obstacles, *self.obstacles), remarks=(*self.remarks, *remarks))


def upward(objective: Comparison) -> bool:
    """Say whether larger values are better."""
    return objective.relation in {">", ">="}


def compare(seen: View, objective: Comparison, points: Floats, start: float, threshold: float | None) -> Finding:
    """Compare the measure with ``threshold`` at every point that can be judged."""
    measured = measure(seen, points)
    judged = measured.judgeable
    worst = _worst(measured, highest=not upward(objective))
    summary = _summary(seen, measured, worst)
    broken = np.zeros(len(points), dtype=np.bool_)
    if threshold is not None:
        broken = judged & ~_RELATIONS[objective.relation](measured.values, threshold)
    breach = f"not {objective.relation} {figure(threshold or 0.0)} at {broken.sum()} of {judged.sum()} points judged"
    return Finding(
        broken=(breach,) if broken.any() else (),
        obstacles=_obstacles(seen, measured, start),
        remarks=(*summary, f"{judged.sum()} of {len(points)} points could be judged"),
        observed=_known(measured.values[-1]),
        covered_seconds=float(measured.covered[-1]),
        events=float(measured.events[-1]),
        worst=None if worst is None else float(measured.values[worst]),
        worst_at=None if worst is None else float(points[worst]),
    )


def _obstacles(seen: View, measured: Measured, start: float) -> tuple[str, ...]:
    found = (*obstacles.thin(seen, measured, start), *obstacles.scarce(seen, float(measured.events[-1])))
    if not found and not seen.unproved and math.isnan(measured.values[-1]):
        return ("the measure has no value at the last point",)
    return found


def _worst(measured: Measured, *, highest: bool) -> int | None:
    if not measured.judgeable.any():
        return None
    values = measured.values if highest else -measured.values
    return int(np.where(measured.judgeable, values, -np.inf).argmax())


def _summary(seen: View, measured: Measured, worst: int | None) -> tuple[str, ...]:
    last = measured.values[-1]
    texts = [] if math.isnan(last) else [f"{figure(last)} at the last point, {clock(measured.points[-1])}"]
    if worst is not None:
        texts.append(f"worst {figure(measured.values[worst])} at {clock(measured.points[worst])}")
    if isinstance(seen.gate.measure, Quantile) and np.isposinf(measured.values).any():
        texts.append(f"+Inf means above {figure(seen.bounds[-2])}, the largest finite bucket bound")
    return tuple(texts)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def settle(seen: View, objective: TrendToZero, points: Floats) -> Finding:
    """Test whether the measure trends to zero over the window that ends at the last point."""
    if not isinstance(seen.gate.measure, Increase | Rate):
        return Finding(obstacles=("trend_to_zero is defined for an increase or a rate",))
    measured = measure(seen, points[-1:])
    found = trend(seen, objective, float(points[-1]))
    hindered = (*obstacles.thin(seen, measured, float(points[-1])), *_silences(found))
    hindered = (*hindered, *obstacles.scarce(seen, float(witnessed(seen, points[-1:])[0])))
    judged = not hindered and not seen.unproved
    spoken = np.where(np.isnan(found.values), -np.inf, found.values)
    return Finding(
        broken=_breaches(found, objective) if judged else (),
        obstacles=hindered,
        remarks=(
            f"{figure(found.values[-1])} in the last of {len(found.values)} buckets, {found.speaking} could be read",
        ),
        observed=_known(found.values[-1]),
        covered_seconds=float(measured.covered[0]),
        events=float(measured.events[0]),
        worst=float(spoken.max()) if judged else None,
        worst_at=float(found.ends[spoken.argmax()]) if judged else None,
    )


def _silences(found: Trend) -> tuple[str, ...]:
    if math.isnan(found.values[-1]):
        return ("the last bucket of the trend was not watched: covered too little, or without any evidence",)
    if found.speaking < FEWEST:
        return (f"only {found.speaking} buckets of the trend were watched, required {FEWEST}",)
    return ()


def _breaches(found: Trend, objective: TrendToZero) -> tuple[str, ...]:
    breaches = []
    if found.values[-1] > objective.epsilon:
        breaches.append(f"the last bucket holds {figure(found.values[-1])}, more than {figure(objective.epsilon)}")
    if found.p_value < objective.significance:
        breaches.append(f"rising (p = {found.p_value:.3g}, below {figure(objective.significance)})")
    return tuple(breaches)
