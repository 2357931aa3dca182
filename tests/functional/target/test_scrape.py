"""Samples scraped from a real exposition over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from drills.clock import SYSTEM_CLOCK, FrozenClock
from drills.errors import MetricsUnavailable
from drills.target.metrics.scrape import ScrapedMetrics

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


class Exposition:
    """An HTTP server whose answer a test decides."""

    def __init__(self) -> None:
        self.status = 200
        self.registry = CollectorRegistry()
        self.entities = Counter("app_entities", "compared", ["reason"], registry=self.registry)
        self.body: Callable[[], bytes] = lambda: generate_latest(self.registry)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        exposition = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer as the test decided."""
                body = exposition.body()
                self.send_response(exposition.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        return Handler


@pytest.fixture
def exposition() -> Iterator[Exposition]:
    """A server of metrics."""
    server = Exposition()
    yield server
    server.close()


def test_samples_are_the_counters_as_they_were(exposition: Exposition) -> None:
    """Each scrape is a point of each series; names, labels, times and values are kept, others are not."""
    clock = FrozenClock(BEGAN)
    metrics = ScrapedMetrics(exposition.url, 1.0, "app_", clock)
    for _ in range(3):
        exposition.entities.labels("none").inc(2)
        metrics.scrape()
        clock.advance(1)
    samples = metrics.samples({"app_entities_total"}, BEGAN, BEGAN + timedelta(seconds=1))
    (series,) = samples.series
    assert (series.metric, series.labels, series.values) == ("app_entities_total", {"reason": "none"}, (2.0, 4.0))
    assert [at - BEGAN.timestamp() for at in series.times] == [0.0, 1.0]


def test_totals_and_breakdowns_are_of_the_newest_sample(exposition: Exposition) -> None:
    """A plain name stands for its ``_total`` too; what was never scraped has no total."""
    metrics = ScrapedMetrics(exposition.url, 1.0, "app_", FrozenClock(BEGAN))
    exposition.entities.labels("none").inc(5)
    exposition.entities.labels("lag_drift").inc(1)
    metrics.scrape()
    assert metrics.total("app_entities") == 6.0
    assert metrics.total("app_entities", reason="lag_drift") == 1.0
    assert metrics.total("app_absent") is None
    assert metrics.breakdown("app_entities", "reason") == {"none": 5.0, "lag_drift": 1.0}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, b"", "does not give metrics"),
        (302, b"", "does not give metrics"),
        (200, b"app_entities{ 1", "not in the exposition format"),
        (200, b"# " + b"x" * 20_000_001, "more than 20,000,000 bytes"),
    ],
    ids=["error", "redirect", "broken", "huge"],
)
def test_what_is_no_exposition_is_refused(exposition: Exposition, status: int, body: bytes, words: str) -> None:
    """A login page, half an answer or an endless one is no sample."""
    exposition.status, exposition.body = status, lambda: body
    with pytest.raises(MetricsUnavailable, match=words):
        ScrapedMetrics(exposition.url, 1.0, "app_", FrozenClock(BEGAN)).scrape()


def test_a_failed_scrape_is_a_problem_in_the_record(exposition: Exposition) -> None:
    """A gap is explained, not silent."""
    exposition.status = 503
    with ScrapedMetrics(exposition.url, 0.05, "app_", SYSTEM_CLOCK) as metrics:
        began = SYSTEM_CLOCK.now()
        deadline = time.monotonic() + 10
        while not metrics.samples((), began, SYSTEM_CLOCK.now()).problems and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        problems = metrics.samples((), began, SYSTEM_CLOCK.now()).problems
    assert "does not give metrics" in problems[0]


def test_nobody_there_is_told(exposition: Exposition) -> None:
    """A target that went away is an error with its address."""
    exposition.close()
    with pytest.raises(MetricsUnavailable, match="127"):
        ScrapedMetrics(exposition.url, 1.0, "app_", FrozenClock(BEGAN)).scrape()


def test_a_query_in_the_address_is_told_to_nobody(exposition: Exposition) -> None:
    """It may hold a key; neither the record nor an error has it."""
    metrics = ScrapedMetrics(f"{exposition.url}?key=canary-key", 1.0, "app_", FrozenClock(BEGAN))
    exposition.status = 503
    with pytest.raises(MetricsUnavailable, match="answers 503") as caught:
        metrics.scrape()
    assert "canary" not in str(caught.value)
    assert metrics.samples((), BEGAN, BEGAN).source == exposition.url
