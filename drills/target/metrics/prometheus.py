"""Raw samples from a server with Prometheus's HTTP API: Prometheus itself, Thanos, Mimir and others.

Raw samples are what an instant query of a range selector answers with
(https://prometheus.io/docs/prometheus/latest/querying/api/). A span whose answer is too large is asked for in halves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from drills.clock import Clock
from drills.errors import MetricsUnavailable
from drills.evidence.records import Samples, Series
from drills.target.metrics import newest
from drills.target.metrics.answers import Found, Refused, read_answer
from drills.target.metrics.fetch import client, get
from drills.target.metrics.newest import Instance, SeriesKey, instance_of
from drills.target.metrics.settings import PrometheusSettings

#: Scenarios look again and again; the server is asked no more often than this.
PAUSE_SECONDS = 0.5
MAXIMUM_SAMPLES = 5_000_000
#: A span of this many scrapes whose answer is still too large is not cut any further.
SHORTEST_PAGE = 4
MILLISECOND = timedelta(milliseconds=1)
PATIENTLY = Retrying(
    retry=retry_if_result(lambda answer: isinstance(answer, Refused) and answer.busy),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=0.2, max=2),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
)


class PrometheusMetrics:
    """Asks a server for samples. ``headers`` carry the credentials; ``prefix`` is how the target's metrics begin.

    A server that fails while a scenario looks is a problem in the record; what was known before is shown until then.
    """

    def __init__(self, settings: PrometheusSettings, headers: Mapping[str, str], prefix: str, clock: Clock) -> None:
        self._settings = settings
        self._prefix = prefix
        self._clock = clock
        self._url = f"{settings.url.rstrip('/')}/api/v1/query"
        self._client = client(
            timeout_seconds=settings.timeout_seconds,
            ca_file=settings.ca_file,
            verify_tls=settings.verify_tls,
            headers={**headers, "Accept": "application/json"},
        )
        self._problems: list[tuple[datetime, str]] = []
        self._known: dict[SeriesKey, float] = {}
        self._seen: dict[Instance, float] = {}
        self._looked = -PAUSE_SECONDS

    @property
    def interval_seconds(self) -> float:
        """How often the server scrapes the target."""
        return self._settings.interval_seconds

    @property
    def latency_seconds(self) -> float:
        """A sample comes with the next scrape, and can be asked for some time after that."""
        return self._settings.interval_seconds + self._settings.delay_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return the raw samples of every series whose name is in ``metrics``, between the two moments.

        Raises:
            MetricsUnavailable: the server does not answer, refuses, or has more samples than can be held.
        """
        found: dict[SeriesKey, list[tuple[float, float]]] = {}
        told: list[str] = []
        partial = False
        for page in self._pages(self._selector("|".join(sorted(metrics))), start, end):
            self._take(page, found)
            told += [*page.warnings, *page.infos]
            partial |= bool(page.warnings)
        failed = (f"{at:%H:%M:%S}Z {problem}" for at, problem in self._problems if start <= at <= end)
        return Samples(
            source=self._url,
            started_at=start,
            finished_at=end,
            interval_seconds=self._settings.interval_seconds,
            series=tuple(_series(key, points) for key, points in sorted(found.items())),
            problems=(*dict.fromkeys(told), *failed),
            partial=partial,
        )

    def _take(self, page: Found, found: dict[SeriesKey, list[tuple[float, float]]]) -> None:
        for key, points in page.series:
            found.setdefault(key, []).extend(points)
        if sum(map(len, found.values())) > MAXIMUM_SAMPLES:
            raise MetricsUnavailable(
                f"{self._url} has more than {MAXIMUM_SAMPLES:,} samples for these gates",
                remedy="narrow metrics.matchers in the target profile",
            )

    def seen_since(self, moment: datetime) -> bool:
        """Say whether the newest sample of every instance is of ``moment`` or later."""
        self._look()
        return bool(self._seen) and min(self._seen.values()) >= moment.timestamp()

    def total(self, metric: str, **labels: str) -> float | None:
        """Return the newest values of ``metric`` (or of its ``_total``) summed over its series, None without any."""
        self._look()
        return newest.total(self._known, metric, labels)

    def breakdown(self, metric: str, label: str, **labels: str) -> dict[str, float]:
        """Return the newest values of ``metric`` summed by the values of ``label``."""
        self._look()
        return newest.breakdown(self._known, metric, label, labels)

    def _look(self) -> None:
        """Take in the newest samples, unless that was done a moment ago. Where they cannot be had, keep a problem."""
        if self._clock.monotonic() - self._looked < PAUSE_SECONDS:
            return
        self._looked, now = self._clock.monotonic(), self._clock.now()
        try:
            answer = self._ask(f"{self._selector(self._prefix + '.*')}[{self._recent:.0f}s]", now)
        except MetricsUnavailable as error:
            answer = Refused(error.message, error.remedy)
        if isinstance(answer, Refused):
            self._problems.append((now, answer.message))
            return
        self._known.update((key, points[-1][1]) for key, points in answer.series)
        self._seen = {}
        for key, points in answer.series:
            instance = instance_of(key)
            self._seen[instance] = max(self._seen.get(instance, 0.0), points[-1][0])

    @property
    def _recent(self) -> float:
        """How many seconds back the newest sample is looked for: one scrape may be lost."""
        return 2 * self._settings.interval_seconds + self._settings.delay_seconds + 1

    def _selector(self, names: str) -> str:
        matchers = (f"{label}={_quoted(value)}" for label, value in sorted(self._settings.matchers.items()))
        return "{" + ",".join([f"__name__=~{_quoted(names)}", *matchers]) + "}"

    def _pages(self, selector: str, start: datetime, end: datetime) -> Iterator[Found]:
        """Yield the samples from ``start`` to ``end``, both included, in the order of time."""
        length = round((end - start) / MILLISECOND) + 1
        answer = self._ask(f"{selector}[{length}ms]", end)
        if isinstance(answer, Found):
            yield answer.between(start.timestamp(), end.timestamp())
            return
        if not answer.too_much or end - start <= timedelta(seconds=SHORTEST_PAGE * self._settings.interval_seconds):
            raise MetricsUnavailable(answer.message, remedy=answer.remedy)
        middle = start + (end - start) / 2
        middle = middle.replace(microsecond=middle.microsecond // 1000 * 1000)
        yield from self._pages(selector, start, middle)
        yield from self._pages(selector, middle + MILLISECOND, end)

    def _ask(self, query: str, at: datetime) -> Found | Refused:
        """Ask, a few times where the server is busy.

        Raises:
            MetricsUnavailable: there was no answer.
        """
        params = {
            "query": query,
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{self._settings.timeout_seconds:g}s",
            "dedup": str(self._settings.dedup).lower(),
            "partial_response": str(self._settings.partial_response).lower(),
        }
        return PATIENTLY(lambda: read_answer(self._url, get(self._client, self._url, params)))


def _quoted(text: str) -> str:
    """Write a string as PromQL does; JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False)


def _series(key: SeriesKey, points: list[tuple[float, float]]) -> Series:
    times, values = zip(*points, strict=True)
    return Series(metric=key[0], labels=dict(key[1]), times=times, values=values)
