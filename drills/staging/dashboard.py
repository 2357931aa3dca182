"""The parity dashboard's data: the five panels, computed from the live metrics once a second and kept for an hour.

The same figures as in PromQL: an increase over a window divided by another, a rate over a window, and the quantile of a
histogram's increase, interpolated inside its bucket as ``histogram_quantile`` does.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drills.clock import Clock
from drills.staging.faults import DASHBOARD_SHORT
from drills.staging.live_settings import ActiveFaults
from drills.staging.metrics import Metrics, ParityTotals

TICK_SECONDS: Final = 1.0
KEPT_SECONDS: Final = 3600
SHORT, LONG = 300, 3600
RATE_WINDOW = 60
#: At most so many points of a series are handed out.
SHOWN_POINTS = 600

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    totals: ParityTotals


class Dashboard:
    """Remembers the parity totals of the last hour and draws the panels from them."""

    def __init__(self, metrics: Metrics, faults: ActiveFaults, clock: Clock) -> None:
        self._metrics = metrics
        self._faults = faults
        self._clock = clock
        self._moments: deque[_Moment] = deque(maxlen=int(KEPT_SECONDS / TICK_SECONDS) + 1)
        self._points: dict[str, dict[str, deque[Point]]] = {}

    async def run(self) -> None:
        """Take the totals every second, for ever."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Take the totals now and add a point to every series."""
        now = _Moment(self._clock.now().timestamp(), self._metrics.parity_totals())
        self._moments.append(now)
        short, long, minute = (self._since(now.at - window) for window in (SHORT, LONG, RATE_WINDOW))
        self._add("mismatch_rate", "5m", now.at, _mismatch_rate(short, now))
        self._add("mismatch_rate", "1h", now.at, _mismatch_rate(long, now))
        rate = _rate(minute, now, minute.totals.mismatches, now.totals.mismatches)
        self._add("mismatch_count_rate", "1m", now.at, rate)
        for reason, count in now.totals.failures.items():
            before = minute.totals.failures.get(reason, 0.0)
            self._add("failures_by_reason", reason, now.at, _rate(minute, now, before, count))
        self._add("lag_drift_p95", "5m", now.at, _quantile(0.95, short.totals.lag_buckets, now.totals.lag_buckets))
        missing = _rate(minute, now, minute.totals.missing, now.totals.missing)
        self._add("missing_documents", "1m", now.at, missing)

    def data(self) -> dict[str, object]:
        """Return the panels as JSON: units, and for each series its points ``[unix seconds, value or null]``."""
        totals = self._metrics.parity_totals()
        reasons = sorted(totals.failures.items())
        return {
            "generated_at": self._clock.now().isoformat(),
            "panels": {name: {"unit": UNITS[name], "series": self._series(name)} for name in self._panels()},
            "breakdown": [{"reason_class": reason, "count": int(count)} for reason, count in reasons],
            "cycles": {status: int(totals.cycles.get(status, 0)) for status in ("ok", "mismatch", "empty")},
        }

    def _panels(self) -> list[str]:
        return [name for name in UNITS if name != "missing_documents" or DASHBOARD_SHORT not in self._faults]

    def _since(self, moment: float) -> _Moment:
        times = [kept.at for kept in self._moments]
        return self._moments[min(bisect_left(times, moment), len(times) - 1)]

    def _add(self, panel: str, series: str, at: float, value: float | None) -> None:
        points = self._points.setdefault(panel, {}).setdefault(series, deque(maxlen=self._moments.maxlen))
        points.append((at, value))

    def _series(self, panel: str) -> list[dict[str, object]]:
        return [
            {"name": name, "points": _thinned(list(points))} for name, points in self._points.get(panel, {}).items()
        ]


UNITS: Final[Mapping[str, str]] = {
    "mismatch_rate": "ratio",
    "mismatch_count_rate": "mismatches/s",
    "failures_by_reason": "failures/s",
    "lag_drift_p95": "events",
    "missing_documents": "documents/s",
}


def _mismatch_rate(then: _Moment, now: _Moment) -> float | None:
    sampled = now.totals.sampled - then.totals.sampled
    return (now.totals.mismatches - then.totals.mismatches) / sampled if sampled else None


def _rate(then: _Moment, now: _Moment, before: float, after: float) -> float | None:
    return (after - before) / (now.at - then.at) if now.at > then.at else None


def _quantile(q: float, before: Mapping[float, float], after: Mapping[float, float]) -> float | None:
    counts = [(bound, after[bound] - before.get(bound, 0.0)) for bound in sorted(after)]
    if not counts or not counts[-1][1]:
        return None
    rank = q * counts[-1][1]
    below = lower = 0.0
    for bound, count in counts:
        if count >= rank:
            share = (rank - below) / (count - below)
            return lower if bound == float("inf") else lower + (bound - lower) * share
        below, lower = count, bound
    return None


def _thinned(points: list[Point]) -> list[Point]:
    step = max(len(points) // SHOWN_POINTS, 1)
    return points[-1::-step][::-1]
