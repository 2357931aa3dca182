"""Gauges over windows: the last, the largest, or the mean reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drills.verdict.series import Curve
from drills.verdict.spans import ROUNDING, Floats, Spans


@dataclass(frozen=True)
class Gauges:
    """The readable, undisturbed readings of a gauge: of each instance, and of all of them in order."""

    each: tuple[tuple[Floats, Floats], ...]
    times: Floats
    values: Floats

    @classmethod
    def of(cls, curves: Iterable[Curve], left_out: Spans) -> Gauges:
        """Gather the readings of ``curves`` that were not taken inside ``left_out``."""
        each = []
        for curve in curves:
            kept = curve.readable & ~left_out.touching(curve.times, curve.times)
            each.append((curve.times[kept], curve.values[kept, 0]))
        times = np.concatenate([*(times for times, _ in each), np.empty(0)])
        values = np.concatenate([*(values for _, values in each), np.empty(0)])
        order = np.argsort(times, kind="stable")
        return cls(tuple(each), times[order], values[order])

    def count(self, lows: Floats, highs: Floats) -> Floats:
        """Return how many readings lie in each window."""
        first, end = self._edges(lows, highs)
        return (end - first).astype(np.float64)

    def last(self, highs: Floats, *, oldest: float, highest: bool) -> Floats:
        """Return the last reading of each window, of several instances the highest (or else the lowest).

        A reading more than ``oldest`` seconds old is no longer what the gauge shows.
        """
        shown = np.full(len(highs), np.nan)
        for times, values in self.each:
            at = np.searchsorted(times, highs + ROUNDING, side="right")
            padded_times, padded_values = np.append(-np.inf, times), np.append(np.nan, values)
            fresh = np.where(highs - padded_times[at] <= oldest, padded_values[at], np.nan)
            shown = np.fmax(shown, fresh) if highest else np.fmin(shown, fresh)
        return shown

    def largest(self, lows: Floats, highs: Floats) -> Floats:
        """Return the largest reading of each window, NaN where there is none.

        Level *k* of the table holds the largest of 2**k neighbours; two entries that overlap span any window.
        """
        first, end = self._edges(lows, highs)
        found = np.full(len(highs), np.nan)
        level, width = self.values, 1
        while width <= len(self.values):
            fits = (end - first >= width) & (end - first < 2 * width)
            found[fits] = np.maximum(level[first[fits]], level[end[fits] - width])
            level, width = np.maximum(level[:-width], level[width:]), 2 * width
        return found

    def mean(self, lows: Floats, highs: Floats) -> Floats:
        """Return the mean reading of each window, NaN where there is none; infinite if any reading is."""
        first, end = self._edges(lows, highs)
        finite = np.isfinite(self.values)
        sums = np.append(0.0, np.cumsum(np.where(finite, self.values, 0.0)))
        infinities = np.append(0, np.cumsum(~finite))
        total = sums[end] - sums[first]
        mean: Floats = np.divide(total, end - first, out=np.full(len(highs), np.nan), where=end > first)
        extreme = self.values[~finite][:1].sum()
        mean[infinities[end] > infinities[first]] = extreme
        return mean

    def _edges(self, lows: Floats, highs: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return (
            np.searchsorted(self.times, lows - ROUNDING, side="left"),
            np.searchsorted(self.times, highs + ROUNDING, side="right"),
        )
