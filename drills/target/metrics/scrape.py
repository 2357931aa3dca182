"""Samples of a ``/metrics`` URL, taken at a steady pace while the drill goes on."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from drills.clock import Clock
from drills.errors import MetricsUnavailable
from drills.evidence.records import Samples, Series

MAXIMUM_SIZE = 20_000_000
TIMEOUT_SECONDS = 5.0

SeriesKey = tuple[str, tuple[tuple[str, str], ...]]
Points = list[tuple[float, float]]


class ScrapedMetrics:
    """Scrapes ``url`` every ``interval_seconds`` from :meth:`start` to :meth:`stop`, in a thread of its own.

    Only metrics whose name begins with ``prefix`` are kept. A scrape that fails is kept too, as a problem: a gap is
    then explained rather than silent.
    """

    def __init__(self, url: str, interval_seconds: float, prefix: str, clock: Clock) -> None:
        self._url = url
        self._interval = interval_seconds
        self._prefix = prefix
        self._clock = clock
        self._points: dict[SeriesKey, Points] = {}
        self._problems: list[tuple[datetime, str]] = []
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
        at = self._clock.now().timestamp()
        text = fetch_exposition(self._url)
        read = list(_samples_of(text, self._prefix))
        with self._lock:
            for key, value in read:
                self._points.setdefault(key, []).append((at, value))

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return what was scraped between the two moments of the metrics named."""
        low, high = start.timestamp(), end.timestamp()
        with self._lock:
            chosen = {key: list(points) for key, points in self._points.items() if key[0] in metrics}
            problems = tuple(f"{at:%H:%M:%S}Z {problem}" for at, problem in self._problems if start <= at <= end)
        series = (_series(key, points, low, high) for key, points in sorted(chosen.items()))
        return Samples(
            source=self._url,
            started_at=start,
            finished_at=end,
            interval_seconds=self._interval,
            series=tuple(found for found in series if found.times),
            problems=problems,
        )

    def total(self, metric: str, **labels: str) -> float | None:
        """Return the newest values of ``metric`` (or of its ``_total``) summed over its series, None without any."""
        names = {metric, f"{metric}_total"}
        with self._lock:
            newest = [
                points[-1][1]
                for (name, pairs), points in self._points.items()
                if name in names and labels.items() <= dict(pairs).items()
            ]
        return sum(newest) if newest else None

    def breakdown(self, metric: str, label: str, **labels: str) -> dict[str, float]:
        """Return the newest values of ``metric`` summed by the values of ``label``."""
        names = {metric, f"{metric}_total"}
        sums: dict[str, float] = {}
        with self._lock:
            for (name, pairs), points in self._points.items():
                found = dict(pairs)
                if name in names and labels.items() <= found.items():
                    value = found.get(label, "")
                    sums[value] = sums.get(value, 0.0) + points[-1][1]
        return sums

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.scrape()
            except MetricsUnavailable as error:
                with self._lock:
                    self._problems.append((self._clock.now(), error.message))
            self._stop.wait(self._interval)


def fetch_exposition(url: str) -> str:
    """Return the text that a ``/metrics`` URL answers with.

    Raises:
        MetricsUnavailable: no answer in time, not a 200, or more than the size allowed.
    """
    try:
        with httpx2.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            body = _capped(answer.iter_bytes(), url)
    except httpx2.HTTPError as error:
        raise MetricsUnavailable(f"{url} does not give metrics: {error}", remedy="drill doctor") from None
    return body.decode("utf-8", errors="replace")


def _capped(chunks: Iterable[bytes], url: str) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MAXIMUM_SIZE:
            raise MetricsUnavailable(f"{url} answers with more than {MAXIMUM_SIZE:,} bytes")
    return bytes(body)


def _samples_of(text: str, prefix: str) -> Iterator[tuple[SeriesKey, float]]:
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError as error:
        raise MetricsUnavailable(f"the metrics are not in the exposition format: {error}") from None
    for sample in samples:
        if sample.name.startswith(prefix) and not sample.name.endswith("_created"):
            yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def _series(key: SeriesKey, points: Points, low: float, high: float) -> Series:
    inside = [(round(at, 3), value) for at, value in points if low <= at <= high]
    return Series(
        metric=key[0],
        labels=dict(key[1]),
        times=tuple(at for at, _ in inside),
        values=tuple(value for _, value in inside),
    )
