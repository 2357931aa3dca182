"""What counters gained between one reading and the next, ready to be summed over any window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from drills.verdict.series import Curve
from drills.verdict.spans import ROUNDING, Floats, Spans

#: A difference of two running sums below this part of the total is what floating point left over, not an event.
RESIDUE = 1e-12


@dataclass(frozen=True)
class Increments:
    """The gains of all curves, pair of readings by pair of readings, in the order in which the pairs end.

    ``until_end`` and ``until_start`` are the running sums of the gains by the end and by the start of their pairs.
    """

    starts: Floats
    ends: Floats
    gains: Floats
    ordered_starts: Floats
    until_end: Floats
    until_start: Floats

    @classmethod
    def of(cls, curves: Iterable[Curve], *, columns: int, longest: float, left_out: Spans) -> Increments:
        """Sum the gains of all curves, without pairs longer than ``longest`` and pairs that touch ``left_out``."""
        gathered: dict[bytes, tuple[Floats, Floats, Floats]] = {}
        for alike in _alike(curves):
            starts, ends = alike[0].times[:-1], alike[0].times[1:]
            gains = _gains(alike)
            counts = (ends - starts <= longest + ROUNDING) & ~left_out.touching(starts, ends)
            if not counts.all():
                starts, ends, gains = starts[counts], ends[counts], gains[counts]
            key = starts.tobytes() + ends.tobytes()
            gathered[key] = (starts, ends, gathered[key][2] + gains if key in gathered else gains)
        pairs = [(np.empty(0), np.empty(0), np.empty((0, columns))), *gathered.values()]
        starts, ends, gains = (np.concatenate(part) for part in zip(*pairs, strict=True))
        order = np.argsort(ends, kind="stable")
        starts, ends, gains = starts[order], ends[order], gains[order]
        order = np.argsort(starts, kind="stable")
        return cls(starts, ends, gains, starts[order], _running(gains), _running(gains[order]))

    def inside(self, lows: Floats, highs: Floats) -> Floats:
        """Return what was gained in pairs that lie wholly in each window, a row for each window.

        Every window must be at least as long as the longest pair.
        """
        until = self.until_end[np.searchsorted(self.ends, highs + ROUNDING, side="right")]
        earlier = self.until_start[np.searchsorted(self.ordered_starts, lows - ROUNDING, side="left")]
        return self._without_residue(until - earlier)

    def between(self, edges: Floats) -> Floats:
        """Return what was gained in each of the spans between ``edges``, a pair counting where it ends.

        A pair that starts before the first edge is not counted.
        """
        gains = np.where(self.starts[:, np.newaxis] >= edges[0] - ROUNDING, self.gains, 0.0)
        sums = _running(gains)[np.searchsorted(self.ends, edges + ROUNDING, side="right")]
        return self._without_residue(np.diff(sums, axis=0))

    def _without_residue(self, gained: Floats) -> Floats:
        gained[gained < RESIDUE * self.until_end[-1]] = 0.0
        return gained


def _alike(curves: Iterable[Curve]) -> Iterable[list[Curve]]:
    """Return the curves in groups that share their moments."""
    groups: dict[int, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(id(curve.times), []).append(curve)
    return groups.values()


def _gains(alike: Sequence[Curve]) -> Floats:
    """Return what curves with the same moments gained together; after a restart a counter has gained all it shows."""
    gained = _gain(alike[0].values)
    for curve in alike[1:]:
        gained += _gain(curve.values)
    return gained


def _gain(values: Floats) -> Floats:
    gains = np.diff(values, axis=0)
    if gains.min(initial=0.0) < 0:
        restarted = (gains < 0).any(axis=1)
        gains[restarted] = values[1:][restarted]
    return gains


def _running(gains: Floats) -> Floats:
    return np.vstack([np.zeros((1, gains.shape[1])), np.cumsum(gains, axis=0)])
