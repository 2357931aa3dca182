"""Quantiles: of the buckets of a histogram, and of raw values."""

from __future__ import annotations

import numpy as np

from drills.verdict.spans import Floats


def bucket_quantile(q: float, bounds: Floats, counts: Floats) -> Floats:
    """Return the ``q`` quantile of each row of ``counts``: observations between one upper bound and the next.

    ``bounds`` rise and end with +Inf. The quantile is interpolated linearly inside its bucket; the first bucket starts
    at zero, or is its own bound where that is not positive (as ``histogram_quantile`` of Prometheus does). Unlike
    there, a quantile in the +Inf bucket is +Inf: how large it is was not measured. NaN where nothing was observed.
    """
    cumulative = np.cumsum(counts, axis=1)
    rows = np.arange(len(counts))
    rank = q * cumulative[:, -1]
    at = (cumulative >= rank[:, np.newaxis]).argmax(axis=1)
    below = np.where(at > 0, cumulative[rows, at - 1], 0.0)
    lower = np.where(at > 0, bounds[at - 1], min(0.0, bounds[0]))
    upper = bounds[at]
    inside = counts[rows, at]
    share = np.divide(rank - below, inside, out=np.ones(len(counts)), where=inside > 0)
    finite = np.isfinite(upper)
    width = np.where(finite, upper, lower) - lower
    value = np.where(finite, lower + width * share, np.inf)
    return np.where(cumulative[:, -1] > 0, value, np.nan)


def percentile(values: Floats, q: float) -> float:
    """Return the ``q`` quantile (0 to 1) of raw ``values``, interpolated linearly between neighbours in rank.

    The estimator is number 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
    Statistician 50 (1996). NaN when there are no values or one of those at or above the quantile is NaN.
    """
    if not len(values):
        return np.nan
    place = q * (len(values) - 1)
    rank = int(place)
    parted = np.partition(values, rank)
    above = parted[rank + 1 :].min() if rank + 1 < len(values) else parted[rank]
    return float(parted[rank] + (above - parted[rank]) * (place - rank))
