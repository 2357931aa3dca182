"""Spans of time: which part of a window was watched, and which part the drill itself disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

#: Seconds by which moments may be off through rounding; far below any scrape interval.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Spans:
    """Disjoint spans of time in rising order, Unix seconds."""

    starts: Floats
    ends: Floats

    @classmethod
    def union(cls, starts: Floats, ends: Floats) -> Spans:
        """Return the spans that cover what any of the given ones covers."""
        if not len(starts):
            return cls(starts, ends)
        order = np.argsort(starts, kind="stable")
        starts, ends = starts[order], np.maximum.accumulate(ends[order])
        apart = starts[1:] > ends[:-1]
        return cls(starts[np.append(True, apart)], ends[np.append(apart, True)])

    @property
    def knots(self) -> Floats:
        """The moments at which a span starts or ends, in order."""
        return np.column_stack([self.starts, self.ends]).ravel()

    def joined(self, other: Spans) -> Spans:
        """Return the union of both."""
        return Spans.union(np.append(self.starts, other.starts), np.append(self.ends, other.ends))

    def seconds(self, lows: Floats, highs: Floats) -> Floats:
        """Return how many seconds of each window from ``lows`` to ``highs`` lie inside the spans."""
        if not len(self.starts):
            return np.zeros(len(highs))
        lengths = self.ends - self.starts
        before = np.cumsum(lengths) - lengths
        totals = np.column_stack([before, before + lengths]).ravel()
        within: Floats = np.interp(highs, self.knots, totals) - np.interp(lows, self.knots, totals)
        return within

    def touching(self, starts: Floats, ends: Floats) -> Flags:
        """Say of each given span whether it shares a moment with any of these."""
        at = np.searchsorted(self.ends, starts, side="left")
        following = np.append(self.starts, np.inf)[at]
        touched: Flags = following <= ends
        return touched


@dataclass(frozen=True)
class Coverage:
    """What was watched, apart from what is ``excused`` because the drill disturbed it."""

    watched: Spans
    excused: Spans

    def covered(self, lows: Floats, highs: Floats) -> Floats:
        """Return the watched seconds of each window that are not excused."""
        return self.watched.joined(self.excused).seconds(lows, highs) - self.excused.seconds(lows, highs)

    def needed(self, lows: Floats, highs: Floats) -> Floats:
        """Return the seconds of each window that are not excused."""
        return highs - lows - self.excused.seconds(lows, highs)

    def suffices(self, lows: Floats, highs: Floats, minimum: float) -> Flags:
        """Say of each window whether at least the part ``minimum`` of its undisturbed time was watched."""
        needed = self.needed(lows, highs)
        enough: Flags = (needed > ROUNDING) & (self.covered(lows, highs) >= minimum * needed - ROUNDING)
        return enough

    def hole(self, first: float, last: float, window: float, minimum: float) -> float | None:
        """Return a moment from ``first`` to ``last`` whose window is watched least, if that is less than ``minimum``.

        The covered part is linear between the knots, so that looking at the knots finds every hole.
        """
        knots = np.append(self.watched.knots, self.excused.knots)
        moments = np.unique(np.concatenate([[first, last], knots, knots + window]))
        moments = moments[(moments >= first) & (moments <= last)]
        needed = self.needed(moments - window, moments)
        lacking = minimum * needed - self.covered(moments - window, moments)
        if not len(moments) or lacking.max() <= ROUNDING:
            return None
        return float(moments[lacking.argmax()])
