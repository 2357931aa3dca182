"""Samples of a ``/metrics`` URL, taken at a steady pace while the drill goes on."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from drills.clock import Clock
from drills.errors import MetricsUnavailable
from drills.evidence.records import Samples, Series
from drills.target.metrics import newest
from drills.target.metrics.fetch import MAXIMUM_SIZE, client, get
from drills.target.metrics.newest import SeriesKey, series_key

TIMEOUT_SECONDS = 5.0
OK = 200

Points = list[tuple[float, float]]


class ScrapedMetrics:
    """Scrapes ``url`` every ``interval_seconds`` from entering to leaving, in a thread of its own.

    Only metrics whose name begins with ``prefix`` are kept. A scrape that fails is kept too, as a problem: a gap is
    then explained rather than silent.
    """

    latency_seconds = 0.0

    def __init__(self, url: str, interval_seconds: float, prefix: str, clock: Clock) -> None:
        self.interval_seconds = interval_seconds
        self._url = url
        self._prefix = prefix
        self._clock = clock
        self._points: dict[SeriesKey, Points] = {}
        self._problems: list[tuple[datetime, str]] = []
        self._seen = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def scrape(self) -> None:
        """Take one sample of every series now.

        Raises:
            MetricsUnavailable: the URL does not answer, or its answer is not the exposition format.
        """
        at = self._clock.now()
        text = fetch_exposition(self._url)
        read = list(_samples_of(text, self._prefix))
        with self._lock:
            self._seen = max(self._seen, at)
            for key, value in read:
                self._points.setdefault(key, []).append((at.timestamp(), value))

    def seen_since(self, moment: datetime) -> bool:
        """Say whether there is a sample of ``moment`` or later; if that has passed, one is taken now."""
        if self._seen < moment <= self._clock.now():
            self._try()
        return self._seen >= moment

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return what was scraped between the two moments of the metrics named."""
        low, high = start.timestamp(), end.timestamp()
        with self._lock:
            chosen = {key: list(points) for key, points in self._points.items() if key[0] in metrics}
            problems = tuple(f"{at:%H:%M:%S}Z {problem}" for at, problem in self._problems if start <= at <= end)
        series = (_series(key, points, low, high) for key, points in sorted(chosen.items()))
        return Samples(
            source=self._url.partition("?")[0],
            started_at=start,
            finished_at=end,
            interval_seconds=self.interval_seconds,
            series=tuple(found for found in series if found.times),
            problems=problems,
        )

    def total(self, metric: str, **labels: str) -> float | None:
        """Return the newest values of ``metric`` (or of its ``_total``) summed over its series, None without any."""
        return newest.total(self._newest(), metric, labels)

    def breakdown(self, metric: str, label: str, **labels: str) -> dict[str, float]:
        """Return the newest values of ``metric`` summed by the values of ``label``."""
        return newest.breakdown(self._newest(), metric, label, labels)

    def _newest(self) -> dict[SeriesKey, float]:
        with self._lock:
            return {key: points[-1][1] for key, points in self._points.items()}

    def _run(self) -> None:
        while not self._stop.is_set():
            self._try()
            self._stop.wait(self.interval_seconds)

    def _try(self) -> None:
        try:
            self.scrape()
        except MetricsUnavailable as error:
            with self._lock:
                self._problems.append((self._clock.now(), error.message))


def fetch_exposition(url: str) -> str:
    """Return the text that a ``/metrics`` URL answers with.

    Raises:
        MetricsUnavailable: no answer in time, not a 200, or more than the size allowed.
    """
    with client(timeout_seconds=TIMEOUT_SECONDS) as opened:
        answer = get(opened, url)
    shown = url.partition("?")[0]
    if answer.status != OK:
        raise MetricsUnavailable(f"{shown} does not give metrics: it answers {answer.status}", remedy="drill doctor")
    if answer.cut:
        raise MetricsUnavailable(f"{shown} answers with more than {MAXIMUM_SIZE:,} bytes")
    return answer.body.decode("utf-8", errors="replace")


def _samples_of(text: str, prefix: str) -> Iterator[tuple[SeriesKey, float]]:
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError as error:
        raise MetricsUnavailable(f"the metrics are not in the exposition format: {error}") from None
    for sample in samples:
        if sample.name.startswith(prefix) and not sample.name.endswith("_created"):
            yield series_key(sample.name, sample.labels), sample.value


def _series(key: SeriesKey, points: Points, low: float, high: float) -> Series:
    inside = [(round(at, 3), value) for at, value in points if low <= at <= high]
    return Series(
        metric=key[0],
        labels=dict(key[1]),
        times=tuple(at for at, _ in inside),
        values=tuple(value for _, value in inside),
    )
