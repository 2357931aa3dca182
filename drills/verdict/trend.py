"""The objective *trends to zero*: the last bucket of the window near zero, and no rising trend across the buckets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from drills.runbook.model import Gate, Rate, TrendToZero
from drills.verdict.spans import ROUNDING, Floats
from drills.verdict.view import View

#: A bucket says something when at least this part of it was watched undisturbed.
SPEAKING = 0.5
#: A rank test over fewer buckets cannot reach the usual 5 % (four in strict order have p = 1/24).
FEWEST = 4


@dataclass(frozen=True)
class Trend:
    """The buckets of the window that ends at a moment; NaN for a bucket that says nothing.

    ``p_value`` is the chance of a rank correlation at least as rising without any trend; 1 where all are equal.
    """

    ends: Floats
    values: Floats
    p_value: float

    @property
    def speaking(self) -> int:
        """How many buckets say something."""
        return int(np.count_nonzero(~np.isnan(self.values)))


def quiet_seconds(gate: Gate, window: float) -> float:
    """Return how long after a disturbance a gate with this ``window`` must be watched: one bucket of its trend."""
    objective = gate.objective
    return window / objective.buckets if gate.steady_state and isinstance(objective, TrendToZero) else 0.0


def trend(view: View, objective: TrendToZero, end: float) -> Trend:
    """Split the window that ends at ``end`` into buckets and test them for a rising trend."""
    edges = np.linspace(end - view.window, end, objective.buckets + 1)
    values = _bucket_values(view, edges)
    return Trend(edges[1:], values, rising(values[~np.isnan(values)]))


def rising(values: Floats) -> float:
    """Return the one-sided p-value of Kendall's rank correlation of ``values`` with their order.

    Used as a test for trend by Mann, "Nonparametric tests against trend", Econometrica 13 (1945). Exact without ties,
    normal approximation with ties; 1.0 when there is no order to find: fewer than four values, or all of them equal.
    """
    if len(values) < FEWEST or np.ptp(values) == 0:
        return 1.0
    # scipy loads its statistics, half a second of them, when they are first asked for.
    return float(scipy.stats.kendalltau(np.arange(len(values)), values, alternative="greater").pvalue)


def _bucket_values(view: View, edges: Floats) -> Floats:
    """Return the gain of each bucket, as if all of it had been watched (for a rate: by the second)."""
    lows, highs = edges[:-1], edges[1:]
    covered = view.coverage.covered(lows, highs)
    speaking = covered >= SPEAKING * (highs - lows) - ROUNDING
    if "evidence" in view.counters:
        speaking &= view.counters["evidence"].between(edges).sum(axis=1) > 0
    gains = view.counters["of"].between(edges).sum(axis=1)
    seconds = np.ones(len(highs)) if isinstance(view.gate.measure, Rate) else highs - lows
    partly = covered < highs - lows - ROUNDING
    scale = np.divide(seconds, np.where(partly, covered, highs - lows), out=np.zeros(len(highs)), where=speaking)
    # Rounded, so that two buckets with equal gains stay tied.
    return np.where(speaking, np.round(gains * scale, 9), np.nan)
