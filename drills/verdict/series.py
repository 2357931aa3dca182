"""From recorded series to clean readings: in order, each moment once, what cannot be believed marked as not read.

The rules and their reasons are in ``docs/gates.md``. A *scrape* is one moment at which an instance (its ``job`` and
``instance`` labels) answered; all series of an instance are taken to come from its scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from drills.errors import EvidenceError
from drills.evidence.records import Samples, Series
from drills.runbook.model import Selector
from drills.verdict.spans import Flags, Floats

Instance: TypeAlias = tuple[str, str]
Believable: TypeAlias = Callable[[Floats], Flags]


@dataclass(frozen=True)
class Reading:
    """One series. ``times`` rise strictly; a value is NaN where the moment could not be read."""

    labels: dict[str, str]
    times: Floats
    values: Floats

    @property
    def instance(self) -> Instance:
        """Who was scraped."""
        return instance_of(self.labels)


@dataclass(frozen=True)
class Curve:
    """Counters or gauges of one instance that are read together: a row for each moment, a column for each of them.

    A row that holds NaN was not readable.
    """

    instance: Instance
    times: Floats
    values: Floats

    @property
    def readable(self) -> Flags:
        """Say of each row whether all of it could be read."""
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


def instance_of(labels: dict[str, str]) -> Instance:
    """Return who was scraped: the labels ``job`` and ``instance``, empty where there are none."""
    return labels.get("job", ""), labels.get("instance", "")


def names(selector: Selector) -> frozenset[str]:
    """Return the metric names that the selector stands for; a counter may carry the suffix ``_total``."""
    return frozenset({selector.series_name, f"{selector.series_name}_total"})


def read(samples: Samples, selector: Selector, believable: Believable) -> tuple[Reading, ...]:
    """Return a clean reading for each set of labels that the selector matches and that holds any sample."""
    parts: dict[frozenset[tuple[str, str]], list[Series]] = {}
    for series in samples.series:
        if series.metric in names(selector) and selector.labels.items() <= series.labels.items():
            parts.setdefault(frozenset(series.labels.items()), []).append(series)
    readings = (_clean(dict(labels), found, believable) for labels, found in parts.items())
    return tuple(reading for reading in readings if len(reading.times))


def _clean(labels: dict[str, str], parts: Sequence[Series], believable: Believable) -> Reading:
    for part in parts:
        if len(part.times) != len(part.values):
            raise EvidenceError(f"{part.metric} {labels}: {len(part.times)} times but {len(part.values)} values")
    times = np.concatenate([np.asarray(part.times, dtype=np.float64) for part in parts])
    values = np.concatenate([np.asarray(part.values, dtype=np.float64) for part in parts])
    values = np.where(believable(values), values, np.nan)
    if not np.isfinite(times).all():
        times, values = times[np.isfinite(times)], values[np.isfinite(times)]
    if (np.diff(times) > 0).all():
        return Reading(labels, times, values)
    return Reading(labels, *_in_order(times, values))


def _in_order(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Sort by time and keep each moment once; NaN where one moment holds different values."""
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
    times = _moments(bucket.times for bucket in buckets)
    counts = np.diff(np.column_stack([_at(times, bucket) for bucket in buckets]), axis=1, prepend=0.0)
    return Curve(buckets[0].instance, times, np.where(counts < 0, np.nan, counts))


def _at(times: Floats, bucket: Reading) -> Floats:
    if len(times) == len(bucket.times):
        return bucket.values
    values = np.full(len(times), np.nan)
    values[np.searchsorted(times, bucket.times)] = bucket.values
    return values


def _moments(rhythms: Iterable[Floats]) -> Floats:
    distinct = {times.tobytes(): times for times in rhythms}
    return np.unique(np.concatenate([*distinct.values(), np.empty(0)]))


def scrapes(samples: Samples, found: Iterable[Curve]) -> dict[Instance, Scrapes]:
    """Return when each instance behind a curve answered, told by everything that was recorded of it."""
    lost: dict[Instance, list[Floats]] = {}
    for curve in found:
        lost.setdefault(curve.instance, []).append(curve.times[~curve.readable])
    rhythms: dict[Instance, set[tuple[float, ...]]] = {}
    for series in samples.series:
        rhythms.setdefault(instance_of(series.labels), set()).add(series.times)
    return {instance: _scrapes(rhythms[instance], unread) for instance, unread in lost.items()}


def _scrapes(rhythms: Iterable[tuple[float, ...]], unread: Sequence[Floats]) -> Scrapes:
    orderly = [np.unique(np.asarray(times, dtype=np.float64)) for times in rhythms]
    orderly = [times[np.isfinite(times)] for times in orderly]
    taken = _moments(orderly)
    return Scrapes(
        rhythms=tuple(times for times in orderly if len(times)),
        readable=np.setdiff1d(taken, np.concatenate(unread), assume_unique=False),
    )


def grown(curve: Curve, seen: Scrapes) -> Curve:
    """Return the readable rows of a counter, from zero if the instance was scraped before the counter existed."""
    readable = curve.readable
    times, values = curve.times[readable], curve.values[readable]
    before = seen.before_birth(float(curve.times[0]))
    if before is None:
        return Curve(curve.instance, times, values)
    return Curve(curve.instance, np.append(before, times), np.vstack([np.zeros((1, values.shape[1])), values]))
