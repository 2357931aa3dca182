"""Samples from a real Prometheus, from a file with the same samples, and from servers that do not give any."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from drills.clock import SYSTEM_CLOCK, FrozenClock
from drills.errors import MetricsUnavailable, ProfileInvalid
from drills.evidence.records import Samples
from drills.target.fields import SecretReference
from drills.target.metrics import fetch, prometheus
from drills.target.metrics.openmetrics import OpenMetricsFile
from drills.target.metrics.prometheus import PrometheusMetrics
from drills.target.metrics.settings import OpenMetricsSettings, PrometheusSettings
from drills.target.metrics.sources import metric_source

COUNTERS = ("bad_total", "all_total", "took_bucket")
TOKEN = "canary-metrics-token"  # noqa: S105 - planted, to be found where it must not be


def source(url: str, clock: FrozenClock | None = None, **settings: Any) -> PrometheusMetrics:
    """Return a source that is scraped every 15 s and is asked as ``settings`` say."""
    given = PrometheusSettings.model_validate(
        {"kind": "prometheus", "url": url, "interval_seconds": 15, "prefix": "", **settings}
    )
    found = metric_source(given, clock=clock or SYSTEM_CLOCK, read=lambda _: TOKEN)
    assert isinstance(found, PrometheusMetrics)
    return found


def shape(samples: Samples) -> list[tuple[str, dict[str, str], tuple[float, ...], tuple[float, ...]]]:
    """Return the series of ``samples`` in an order of their own."""
    found = [(series.metric, series.labels, series.times, series.values) for series in samples.series]
    return sorted(found, key=lambda series: (series[0], sorted(series[1].items())))


def test_prometheus_and_a_file_give_the_same_samples(prometheus_url: str, history: Path, end: datetime) -> None:
    """Both ends of the span, labels, times and values: what the server was fed is what comes out of it."""
    written = OpenMetricsFile(OpenMetricsSettings(kind="openmetrics", path=history))
    start = end - timedelta(hours=1)
    with source(prometheus_url) as asked:
        served = asked.samples(COUNTERS, start, end)

    assert len(served.series) == 42
    assert shape(served) == shape(written.samples(COUNTERS, start, end))


def test_labels_narrow_what_is_asked_for(prometheus_url: str, end: datetime) -> None:
    """A server that watches many environments gives the samples of one."""
    with source(prometheus_url, matchers={"job": "hour", "instance": "a"}) as asked:
        found = asked.samples(("bad_total",), end - timedelta(hours=1), end)

    assert [(series.labels, len(series.times)) for series in found.series] == [({"job": "hour", "instance": "a"}, 241)]


def test_a_label_value_is_a_value_and_not_a_question(prometheus_url: str, end: datetime) -> None:
    """Quotes, backslashes and braces in a label are looked for as they are."""
    with source(prometheus_url, matchers={"job": 'hour"} or {a="\\'}) as asked:
        assert asked.samples(("bad_total",), end - timedelta(hours=1), end).series == ()


def test_an_answer_that_is_too_large_is_asked_for_in_parts(
    prometheus_url: str, end: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages join without a sample lost or doubled."""
    start = end - timedelta(hours=1, microseconds=7)
    with source(prometheus_url, matchers={"job": "hour"}) as asked:
        whole = asked.samples(COUNTERS, start, end)
        monkeypatch.setattr(fetch, "MAXIMUM_SIZE", 20_000)
        assert shape(asked.samples(COUNTERS, start, end)) == shape(whole)

        monkeypatch.setattr(fetch, "MAXIMUM_SIZE", 200)
        with pytest.raises(MetricsUnavailable, match="answers with more than") as caught:
            asked.samples(COUNTERS, start, end)
    assert "metrics.matchers" in caught.value.remedy


def test_more_samples_than_can_be_held_are_refused(
    prometheus_url: str, end: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small its pages are, what they add up to is bounded."""
    monkeypatch.setattr(prometheus, "MAXIMUM_SAMPLES", 1000)
    with source(prometheus_url, matchers={"job": "hour"}) as asked:
        assert len(asked.samples(("bad_total",), end - timedelta(hours=1), end).series) == 3
        with pytest.raises(MetricsUnavailable, match="more than 1,000 samples"):
            asked.samples(COUNTERS, end - timedelta(hours=1), end)


def test_what_a_metric_shows_now_is_its_newest_sample(prometheus_url: str, end: datetime) -> None:
    """Totals add up the instances, with or without the suffix; what nobody has is None."""
    with source(prometheus_url, FrozenClock(end), prefix="bad", matchers={"job": "hour"}) as asked:
        by_instance = asked.breakdown("bad", "instance")
        assert asked.total("bad") == sum(by_instance.values()) > 0
        assert asked.total("bad", instance="a") == by_instance["a"]
        assert asked.total("absent") is None


def test_nothing_is_known_of_a_moment_that_no_scrape_has_reached(prometheus_url: str, end: datetime) -> None:
    """A scenario that waits for its effect is not shown what was before it."""
    clock = FrozenClock(end)
    with source(prometheus_url, clock, prefix="bad", matchers={"job": "hour"}) as asked:
        assert asked.seen_since(end)
        assert not asked.seen_since(end + timedelta(milliseconds=1))
        clock.advance(3600)
        assert not asked.seen_since(end)


class Server:
    """A server whose answers a test decides; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, list[str]], dict[str, str]]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.headers: dict[str, str] = {}
        self.drip: Callable[[Any], None] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def say(self, code: int, **document: object) -> None:
        """Answer with a JSON document from now on."""
        self.answers = [(code, json.dumps(document).encode())]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer as the test decided; the last answer is given again and again."""
                server.asked.append((parse_qs(urlsplit(self.path).query), dict(self.headers)))
                status, body = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.send_response(status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                if server.drip:
                    self.end_headers()
                    server.drip(self.wfile)
                    return
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of answers."""
    running = Server()
    yield running
    running.close()


def ask(server: Server, **settings: Any) -> Samples:
    """Ask for a minute of one metric."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with source(server.url, **settings) as asked:
        return asked.samples(("bad_total",), now - timedelta(minutes=1), now)


def found(*values: tuple[float, str]) -> dict[str, object]:
    """Return an answer with one series."""
    metric = {"__name__": "bad_total", "job": "a"}
    return {"resultType": "matrix", "result": [{"metric": metric, "values": list(values)}]}


NOW = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
REFUSALS: dict[str, tuple[int, dict[str, object], str, str]] = {
    "credentials": (401, {"error": "no"}, "answers 401: no", "metrics.token or metrics.headers"),
    "tenant": (403, {"error": "no org id"}, "answers 403: no org id", "metrics.tenant"),
    "place": (404, {}, "answers 404", "before /api/v1"),
    "proxy": (407, {}, "answers 407", "directly"),
    "unprocessable": (422, {"status": "error", "error": "unknown function"}, "unknown function", "query limits"),
    "too many": (
        422,
        {"status": "error", "error": "query processing would load too many samples"},
        "too many",
        "limits",
    ),
    "busy": (429, {"error": "slow down"}, "answers 429: slow down", "wait"),
    "down": (503, {"status": "error", "error": "query timed out"}, "query timed out", "partial_response"),
    "elsewhere": (302, {}, "sends elsewhere, to https://login.example/", "final address"),
    "no samples": (200, {"status": "success", "data": "up"}, "does not answer as Prometheus does", "before /api/v1"),
    "another tongue": (500, {"error": "a\x1b[31m\nb"}, "answers 500: a [31m b", "drill doctor"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_why_there_are_no_samples_is_told_and_what_to_do(server: Server, case: str) -> None:
    """Each answer that holds no samples is an error with the server's own words and a remedy, and no secret."""
    code, document, words, remedy = REFUSALS[case]
    server.say(code, **document)
    server.headers = {"Location": "https://login.example/"}
    with pytest.raises(MetricsUnavailable) as caught:
        ask(server, token=SecretReference(env="T"))

    assert words in caught.value.message
    assert remedy in caught.value.remedy
    assert TOKEN not in str(caught.value)


def test_a_busy_server_is_asked_again(server: Server) -> None:
    """One bad moment does not cost a drill its gates."""
    good = json.dumps({"status": "success", "data": found((NOW, "1"))}).encode()
    server.answers = [(503, b""), (429, b""), (200, good)]

    assert ask(server).series[0].values == (1.0,)


def test_a_warning_makes_the_answer_a_partial_one(server: Server) -> None:
    """Thanos and remote reads warn when a store did not answer; infos do not take anything away."""
    server.say(200, status="success", data=found((NOW, "1")), warnings=["store b is down"], infos=["a hint"])
    samples = ask(server)

    assert (samples.partial, samples.problems) == (True, ("store b is down", "a hint"))


def test_an_answer_without_warnings_is_whole(server: Server) -> None:
    """Null is how some servers write an empty list."""
    server.say(200, status="success", data=found((NOW, "NaN"), (NOW - 1, "+Inf")), warnings=None, infos=["a hint"])
    samples = ask(server)

    assert (samples.partial, samples.problems, str(samples.series[0].values)) == (False, ("a hint",), "(nan, inf)")


def test_native_histograms_are_told_of(server: Server) -> None:
    """Their buckets are not read, which is not the same as that there are none."""
    native = {"metric": {"__name__": "bad_total"}, "histograms": [[NOW, {"count": "1"}]]}
    server.say(200, status="success", data={"result": [native]})

    assert "native histograms are not read" in ask(server).problems[0]


def test_what_is_sent_is_what_the_profile_says(server: Server) -> None:
    """Token, tenant, own headers, and the words that Thanos listens to; of a partial answer only where it is wanted."""
    server.say(200, status="success", data=found((NOW, "1")))
    headers = {"X-Team": "sync", "X-Key": {"env": "K", "prefix": "Key "}}
    ask(server, token={"env": "T"}, tenant="sync", headers=headers, dedup=False, timeout_seconds=7)
    question, sent = server.asked[0]

    assert (sent["Authorization"], sent["X-Scope-OrgID"]) == (f"Bearer {TOKEN}", "sync")
    assert (sent["X-Team"], sent["X-Key"]) == ("sync", f"Key {TOKEN}")
    assert {name: question[name] for name in ("dedup", "partial_response", "timeout")} == {
        "dedup": ["false"],
        "partial_response": ["false"],
        "timeout": ["7s"],
    }


def test_a_proxy_of_the_environment_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials go to the server that the profile names, and to no other."""
    server.say(200, status="success", data=found((NOW, "1")))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert ask(server).series[0].values == (1.0,)


def test_a_server_that_drips_is_left(server: Server) -> None:
    """Each byte comes in time, and the answer never does."""
    server.say(200)
    left = threading.Event()

    def drip(stream: Any) -> None:
        try:
            while not left.wait(0.05):
                stream.write(b" ")
        except OSError:
            left.set()

    server.drip = drip
    with pytest.raises(MetricsUnavailable, match="takes too long to answer"):
        ask(server, timeout_seconds=0.5)
    left.set()


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_link_local_addresses_are_not_contacted(host: str) -> None:
    """Where clouds keep their credentials nothing is asked."""
    with source(f"http://{host}/") as asked, pytest.raises(MetricsUnavailable, match="link-local"):
        asked.samples(("a",), datetime.now(UTC), datetime.now(UTC))


def test_a_failing_server_leaves_what_was_known(server: Server) -> None:
    """While a scenario looks, a failure is a problem in the record and no end of the drill."""
    clock = FrozenClock(datetime.fromtimestamp(NOW, UTC))
    server.say(200, status="success", data=found((NOW, "3")))
    with source(server.url, clock) as asked:
        assert asked.total("bad_total") == 3.0
        server.say(401, error="expired")
        clock.advance(1)
        assert asked.total("bad_total") == 3.0
        server.say(200, status="success", data=found())
        problems = asked.samples((), clock.now() - timedelta(minutes=1), clock.now()).problems

    assert len(problems) == 1
    assert "answers 401: expired" in problems[0]


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A wrong path is a mistake of the profile, said before anything is sent."""
    with pytest.raises(MetricsUnavailable, match="certificates"):
        source("https://127.0.0.1:9/", ca_file=tmp_path / "none.pem")


def test_a_file_of_the_past_cannot_be_drilled(history: Path) -> None:
    """A drill looks at what its own acts bring about."""
    past = OpenMetricsSettings(kind="openmetrics", path=history)
    with pytest.raises(ProfileInvalid, match="of the past"):
        metric_source(past, clock=SYSTEM_CLOCK, read=lambda _: "")
