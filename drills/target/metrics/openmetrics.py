"""Samples from an OpenMetrics file whose lines carry their times, for judging after the fact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from drills.errors import MetricsUnavailable
from drills.evidence.records import Samples, Series
from drills.target.metrics.newest import Instance, SeriesKey, instance_of, series_key
from drills.target.metrics.settings import OpenMetricsSettings

MAXIMUM_SIZE = 500_000_000
END = "# EOF"
REMEDY = "each line ends with its time in seconds, and the last line is # EOF"

Points = list[tuple[float, float]]


class OpenMetricsFile:
    """The samples of one file, all read at once."""

    def __init__(self, settings: OpenMetricsSettings) -> None:
        """Read the file.

        Raises:
            MetricsUnavailable: it cannot be read, is too large or not OpenMetrics, or its samples have no times.
        """
        self._source = settings.address
        self._points = _read(settings.path)
        self._interval = settings.interval_seconds or _usual_step(self._points)

    @property
    def interval_seconds(self) -> float:
        """How often the target was scraped."""
        return self._interval

    @property
    def end(self) -> datetime:
        """When the newest sample of the file was taken: the moment at which it can be judged."""
        return datetime.fromtimestamp(max(at for points in self._points.values() for at, _ in points), UTC)

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return what the file holds of the metrics named between the two moments."""
        low, high = start.timestamp(), end.timestamp()
        chosen = sorted((key, points) for key, points in self._points.items() if key[0] in metrics)
        return Samples(
            source=self._source,
            started_at=start,
            finished_at=end,
            interval_seconds=self._interval,
            series=tuple(_series(chosen, low, high)),
        )


def _read(path: Path) -> dict[SeriesKey, Points]:
    points: dict[SeriesKey, Points] = {}
    try:
        if path.stat().st_size > MAXIMUM_SIZE:
            raise MetricsUnavailable(
                f"{path} is larger than {MAXIMUM_SIZE:,} bytes", remedy="cut it to the time wanted"
            )
        for key, point in _samples_of(path):
            points.setdefault(key, []).append(point)
    except OSError as error:
        raise MetricsUnavailable(f"{path} cannot be read: {error.strerror}", remedy="name a file of samples") from None
    except ValueError as error:
        raise MetricsUnavailable(f"{path} is not OpenMetrics: {error}", remedy=REMEDY) from None
    if not points:
        raise MetricsUnavailable(f"{path} holds no samples", remedy=REMEDY)
    return points


def _samples_of(path: Path) -> Iterator[tuple[SeriesKey, tuple[float, float]]]:
    line = ""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if not line.startswith("#"):
                yield from _sample(line)
    if line.rstrip("\n") != END:
        raise ValueError(f"it does not end with {END}, so it may have been cut off")


def _sample(line: str) -> Iterator[tuple[SeriesKey, tuple[float, float]]]:
    """Read one line by itself: of a histogram with many moments in one file the library's parser drops samples."""
    for family in text_string_to_metric_families(f"{line.rstrip()}\n{END}\n"):  # type: ignore[no-untyped-call]  # it has no types
        for sample in family.samples:
            if sample.timestamp is None:
                raise ValueError(f"{sample.name} has no time")
            yield series_key(sample.name, sample.labels), (float(sample.timestamp), float(sample.value))


def _usual_step(points: dict[SeriesKey, Points]) -> float:
    """Return the median distance between successive samples of an instance; 0 where there are no two."""
    scrapes: dict[Instance, set[float]] = {}
    for key, found in points.items():
        scrapes.setdefault(instance_of(key), set()).update(at for at, _ in found)
    steps = [later - earlier for moments in scrapes.values() for earlier, later in pairwise(sorted(moments))]
    return median(steps) if steps else 0.0


def _series(chosen: Iterable[tuple[SeriesKey, Points]], low: float, high: float) -> Iterator[Series]:
    for key, points in chosen:
        inside = [point for point in points if low <= point[0] <= high]
        if inside:
            times, values = zip(*inside, strict=True)
            yield Series(metric=key[0], labels=dict(key[1]), times=times, values=values)
