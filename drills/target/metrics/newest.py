"""The newest value of each series, summed as a scenario asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

#: The name of a series, and its labels in order.
SeriesKey: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
#: The labels ``job`` and ``instance``: who was scraped.
Instance: TypeAlias = tuple[str, str]


def series_key(metric: str, labels: Mapping[str, str]) -> SeriesKey:
    """Return the key of a series."""
    return metric, tuple(sorted(labels.items()))


def instance_of(key: SeriesKey) -> Instance:
    """Return who was scraped."""
    labels = dict(key[1])
    return labels.get("job", ""), labels.get("instance", "")


def spellings(metric: str) -> frozenset[str]:
    """Return the names under which a metric may be exposed: a counter may carry the suffix ``_total``."""
    return frozenset({metric, f"{metric}_total"})


def total(newest: Mapping[SeriesKey, float], metric: str, labels: Mapping[str, str]) -> float | None:
    """Return the sum of what matches, None if nothing does."""
    found = [value for _, value in _matching(newest, metric, labels)]
    return sum(found) if found else None


def breakdown(
    newest: Mapping[SeriesKey, float], metric: str, label: str, labels: Mapping[str, str]
) -> dict[str, float]:
    """Return the sums of what matches, by the values of ``label``."""
    sums: dict[str, float] = {}
    for found, value in _matching(newest, metric, labels):
        sums[found.get(label, "")] = sums.get(found.get(label, ""), 0.0) + value
    return sums


def _matching(
    newest: Mapping[SeriesKey, float], metric: str, labels: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], float]]:
    for (name, pairs), value in newest.items():
        found = dict(pairs)
        if name in spellings(metric) and labels.items() <= found.items():
            yield found, value
