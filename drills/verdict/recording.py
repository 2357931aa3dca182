"""Samples laid out for judging: each series as arrays, and what is asked of it again and again found out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from drills.errors import EvidenceError
from drills.evidence.records import Samples, Series
from drills.verdict.spans import Floats

Instance: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Rhythm:
    """The moments of one or many series. ``is_orderly``: they are finite, and they rise."""

    times: Floats
    is_orderly: bool

    @classmethod
    def of(cls, moments: tuple[float, ...]) -> Rhythm:
        """Return the rhythm of these moments."""
        times = np.asarray(moments, dtype=np.float64)
        return cls(times, bool(np.isfinite(times).all() and (np.diff(times) > 0).all()))

    @property
    def orderly(self) -> Floats:
        """The finite moments, each once and in order."""
        return self.times if self.is_orderly else np.unique(self.times[np.isfinite(self.times)])


@dataclass(frozen=True)
class Recorded:
    """One series. ``pairs`` are its labels. ``is_plain``: its moments are orderly, its values finite, none negative."""

    metric: str
    labels: dict[str, str]
    pairs: frozenset[tuple[str, str]]
    instance: Instance
    rhythm: Rhythm
    values: Floats
    is_plain: bool


@dataclass(frozen=True)
class Recording:
    """Samples that can be judged by many gates. ``rhythms`` are the orderly moments of each instance's series."""

    interval_seconds: float
    problems: tuple[str, ...]
    partial: bool
    series: tuple[Recorded, ...]
    rhythms: Mapping[Instance, tuple[Floats, ...]]

    @classmethod
    def of(cls, samples: Samples) -> Recording:
        """Lay ``samples`` out.

        Raises:
            EvidenceError: a series does not have as many times as values.
        """
        known: dict[tuple[float, ...], Rhythm] = {}
        found = tuple(_recorded(series, known) for series in samples.series)
        rhythms: dict[Instance, dict[int, Rhythm]] = {}
        for one in found:
            rhythms.setdefault(one.instance, {})[id(one.rhythm)] = one.rhythm
        orderly = {instance: tuple(rhythm.orderly for rhythm in each.values()) for instance, each in rhythms.items()}
        return cls(samples.interval_seconds, samples.problems, samples.partial, found, orderly)


def laid_out(samples: Samples | Recording) -> Recording:
    """Return samples laid out, which those that are to be judged by many gates may be already."""
    return samples if isinstance(samples, Recording) else Recording.of(samples)


def _recorded(series: Series, known: dict[tuple[float, ...], Rhythm]) -> Recorded:
    if len(series.times) != len(series.values):
        raise EvidenceError(
            f"{series.metric} {series.labels}: {len(series.times)} times but {len(series.values)} values"
        )
    if series.times not in known:
        known[series.times] = Rhythm.of(series.times)
    rhythm = known[series.times]
    values = np.asarray(series.values, dtype=np.float64)
    return Recorded(
        metric=series.metric,
        labels=series.labels,
        pairs=frozenset(series.labels.items()),
        instance=(series.labels.get("job", ""), series.labels.get("instance", "")),
        rhythm=rhythm,
        values=values,
        is_plain=rhythm.is_orderly and bool(np.isfinite(values).all() and np.greater_equal(values, 0).all()),
    )
