"""What counters gained between one reading and the next, ready to be summed over any window."""

from __future__ import annotations

from collections.abc import Iterable
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
        for curve in curves:
            starts, ends, gains = _pairs(curve, longest, left_out)
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


def _pairs(curve: Curve, longest: float, left_out: Spans) -> tuple[Floats, Floats, Floats]:
    """Return start, end and gains of each pair that counts; after a restart a counter has gained all that it shows."""
    starts, ends = curve.times[:-1], curve.times[1:]
    gains = np.diff(curve.values, axis=0)
    if gains.min(initial=0.0) < 0:
        restarted = (gains < 0).any(axis=1)
        gains[restarted] = curve.values[1:][restarted]
    counts = (ends - starts <= longest + ROUNDING) & ~left_out.touching(starts, ends)
    if counts.all():
        return starts, ends, gains
    return starts[counts], ends[counts], gains[counts]


def _running(gains: Floats) -> Floats:
    return np.vstack([np.zeros((1, gains.shape[1])), np.cumsum(gains, axis=0)])
