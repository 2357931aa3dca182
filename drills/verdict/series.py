"""From recorded series to clean readings: in order, each moment once, what cannot be believed marked as not read.

The rules and their reasons are in ``docs/gates.md``. A *scrape* is one moment at which an instance (its ``job`` and
``instance`` labels) answered; all series of an instance are taken to come from its scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from drills.runbook.model import Selector
from drills.verdict.recording import Instance, Recorded, Recording
from drills.verdict.spans import Flags, Floats

Believable: TypeAlias = Callable[[Floats], Flags]


@dataclass(frozen=True)
class Reading:
    """One series. ``times`` rise strictly; a value is NaN where the moment could not be read."""

    labels: dict[str, str]
    instance: Instance
    times: Floats
    values: Floats


@dataclass(frozen=True)
class Curve:
    """Counters or gauges of one instance that are read together: a row for each moment, a column for each of them.

    A row that holds NaN was not readable.
    """

    instance: Instance
    times: Floats
    values: Floats

    @cached_property
    def is_whole(self) -> bool:
        """Whether every row could be read. The least of some numbers is NaN if any of them is."""
        return not np.isnan(self.values.min(initial=0.0))

    @cached_property
    def readable(self) -> Flags:
        """Say of each row whether all of it could be read."""
        if self.is_whole:
            return np.ones(len(self.times), dtype=np.bool_)
        flags: Flags = np.logical_not(np.isnan(self.values).any(axis=1))
        return flags


@dataclass(frozen=True)
class Scrapes:
    """When one instance answered: the distinct ``rhythms`` of its series, and the moments that were readable."""

    rhythms: tuple[Floats, ...]
    readable: Floats

    def before_birth(self, first: float) -> float | None:
        """Return the last scrape without a series that was first seen at ``first``.

        None when nothing older was read in the same scrape: then the series may have existed all along.
        """
        older = [times for times in self.rhythms if times[0] < first and first in times]
        return max((float(times[np.searchsorted(times, first) - 1]) for times in older), default=None)


def is_count(values: Floats) -> Flags:
    """Say which values a counter can have: finite and not negative."""
    return np.isfinite(values) & np.greater_equal(values, 0)


def names(selector: Selector) -> frozenset[str]:
    """Return the metric names that the selector stands for; a counter may carry the suffix ``_total``."""
    return frozenset({selector.series_name, f"{selector.series_name}_total"})


def read(recording: Recording, selector: Selector, believable: Believable) -> tuple[Reading, ...]:
    """Return a clean reading for each set of labels that the selector matches and that holds any sample."""
    parts: dict[frozenset[tuple[str, str]], list[Recorded]] = {}
    wanted, labels = names(selector), selector.labels.items()
    for recorded in recording.series:
        if recorded.metric in wanted and labels <= recorded.labels.items():
            parts.setdefault(recorded.pairs, []).append(recorded)
    readings = (_clean(found, believable) for found in parts.values())
    return tuple(reading for reading in readings if len(reading.times))


def _clean(parts: Sequence[Recorded], believable: Believable) -> Reading:
    first = parts[0]
    if len(parts) == 1 and first.is_plain:
        return Reading(first.labels, first.instance, first.rhythm.times, first.values)
    times = np.concatenate([part.rhythm.times for part in parts])
    values = np.concatenate([part.values for part in parts])
    values = np.where(believable(values), values, np.nan)
    if not np.isfinite(times).all():
        times, values = times[np.isfinite(times)], values[np.isfinite(times)]
    return Reading(first.labels, first.instance, *_in_order(times, values))


def _in_order(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Sort by time and keep each moment once; NaN where one moment holds different values."""
    if (np.diff(times) > 0).all():
        return times, values
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    heads = np.flatnonzero(np.append(True, np.diff(times) > 0))
    lowest, highest = np.minimum.reduceat(values, heads), np.maximum.reduceat(values, heads)
    return times[heads], np.where(lowest == highest, lowest, np.nan)


def curves(readings: Iterable[Reading]) -> tuple[Curve, ...]:
    """Return each reading as a curve of its own."""
    return tuple(Curve(reading.instance, reading.times, reading.values[:, np.newaxis]) for reading in readings)


def histograms(readings: Iterable[Reading]) -> tuple[Floats, tuple[Curve, ...]]:
    """Return the upper bounds that all histograms share, and each histogram as one counter for each bucket.

    The counters are not cumulative: column *i* counts the observations between bound *i-1* and bound *i*. A moment at
    which a bucket is missing, or holds less than a smaller one, is not readable.
    """
    families: dict[frozenset[tuple[str, str]], dict[float, Reading]] = {}
    for reading in readings:
        family = frozenset(item for item in reading.labels.items() if item[0] != "le")
        families.setdefault(family, {})[_bound(reading)] = reading
    if not families:
        return np.empty(0), ()
    shared = sorted(bound for bound in set.intersection(*map(set, families.values())) if not np.isnan(bound))
    return np.array(shared), tuple(_histogram([family[le] for le in shared]) for family in families.values() if shared)


def _bound(reading: Reading) -> float:
    try:
        return float(reading.labels.get("le", "nan"))
    except ValueError:
        return np.nan


def _histogram(buckets: Sequence[Reading]) -> Curve:
    """Bucket by bucket, because neighbours in time are then neighbours in memory; the curve sees it by rows."""
    times = _moments([bucket.times for bucket in buckets])
    counts = np.empty((len(buckets), len(times)))
    below = np.zeros(len(times))
    for count, bucket in zip(counts, buckets, strict=True):
        upto = _at(times, bucket)
        np.subtract(upto, below, out=count)
        below = upto
    if not counts.min(initial=0.0) >= 0:
        counts[counts < 0] = np.nan
    return Curve(buckets[0].instance, times, counts.T)


def _at(times: Floats, bucket: Reading) -> Floats:
    if len(times) == len(bucket.times):
        return bucket.values
    values = np.full(len(times), np.nan)
    values[np.searchsorted(times, bucket.times)] = bucket.values
    return values


def _moments(rhythms: Sequence[Floats]) -> Floats:
    """Return every moment of ``rhythms``, of which each rises, once and in order."""
    different = distinct(rhythms)
    return different[0] if len(different) == 1 else np.unique(np.concatenate([*different, np.empty(0)]))


def distinct(rhythms: Iterable[Floats]) -> tuple[Floats, ...]:
    """Return each of ``rhythms`` once. Most are one and the same array, which saves comparing them."""
    arrays = {id(times): times for times in rhythms}
    if len(arrays) > 1:
        return tuple({times.tobytes(): times for times in arrays.values()}.values())
    return tuple(arrays.values())


def moments(seen: Iterable[Scrapes]) -> Floats:
    """Return every moment at which any instance could be read."""
    return _moments([scrapes.readable for scrapes in seen])


def scrapes(recording: Recording, found: Iterable[Curve]) -> dict[Instance, Scrapes]:
    """Return when each instance behind a curve answered, told by everything that was recorded of it."""
    lost: dict[Instance, list[Floats]] = {}
    for curve in found:
        unread = lost.setdefault(curve.instance, [])
        if not curve.is_whole:
            unread.append(curve.times[~curve.readable])
    return {instance: _scrapes(recording.rhythms[instance], unread) for instance, unread in lost.items()}


def _scrapes(rhythms: Sequence[Floats], unread: Sequence[Floats]) -> Scrapes:
    taken = _moments(rhythms)
    readable = np.setdiff1d(taken, np.concatenate(unread)) if unread else taken
    return Scrapes(rhythms=tuple(times for times in rhythms if len(times)), readable=readable)


def grown(curve: Curve, seen: Scrapes) -> Curve:
    """Return the readable rows of a counter, from zero if the instance was scraped before the counter existed."""
    before = seen.before_birth(float(curve.times[0]))
    if before is None and curve.is_whole:
        return curve
    times, values = curve.times[curve.readable], curve.values[curve.readable]
    if before is None:
        return Curve(curve.instance, times, values)
    return Curve(curve.instance, np.append(before, times), np.vstack([np.zeros((1, values.shape[1])), values]))
