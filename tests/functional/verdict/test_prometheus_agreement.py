"""The same samples, judged by the drill and asked of a real Prometheus. Where both differ is told in docs/gates.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import httpx2
import pytest

from drills.clock import SYSTEM_CLOCK
from drills.evidence.records import JudgedGate, Samples, Verdict
from drills.runbook.model import Gate
from drills.target.metrics.settings import PrometheusSettings
from drills.target.metrics.sources import metric_source
from drills.verdict.gates import judge_gate, rolling
from tests.functional.history import HOUR, SPANS, Span, scrapes

RATIO = {"kind": "ratio", "numerator": {"metric": "bad"}, "denominator": {"metric": "all"}}
QUANTILE = {"kind": "quantile", "q": 0.95, "of": {"metric": "took", "part": "bucket"}}
INCREASE = {"kind": "increase", "of": {"metric": "bad"}}
RATE = {"kind": "rate", "of": {"metric": "bad"}}


@pytest.fixture(scope="module")
def prometheus(prometheus_url: str) -> Iterator[httpx2.Client]:
    """Ask the Prometheus as anybody would."""
    with httpx2.Client(base_url=f"{prometheus_url}/api/v1/", trust_env=False, timeout=20) as client:
        yield client


def ask(prometheus: httpx2.Client, question: str, at: datetime) -> list[dict[str, object]]:
    """Return the result of an instant query."""
    answer = prometheus.get("query", params={"query": question, "time": str(at.timestamp())})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, object]] = answer.json()["data"]["result"]
    return result


def number(prometheus: httpx2.Client, question: str, at: datetime) -> float:
    """Return the one number that answers a question."""
    [answer] = ask(prometheus, question, at)
    value = answer["value"]
    assert isinstance(value, list)
    return float(value[1])


def raw(prometheus: httpx2.Client, span: Span, at: datetime, names: Sequence[str]) -> Samples:
    """Return the raw samples of ``span`` up to ``at``, as the drill's own source gets them from Prometheus."""
    settings = PrometheusSettings(
        kind="prometheus",
        url=str(prometheus.base_url).removesuffix("/api/v1/"),
        interval_seconds=span.interval,
        matchers={"job": span.job},
    )
    source = metric_source(settings, clock=SYSTEM_CLOCK, read=lambda _: "")
    with source:
        return source.samples(names, at - timedelta(seconds=span.seconds), at)


def a_gate(measure: Mapping[str, object], window: int, **rest: object) -> Gate:
    """Return a gate that passes whatever is finite."""
    entry = {"id": "gate", "title": "A gate", "source": "§3", "unit": "", "minimum_coverage": 0.9, "minimum_samples": 1}
    objective = {"kind": "comparison", "relation": "<", "threshold": 1e9}
    return Gate.model_validate({**entry, "measure": measure, "objective": objective, "window_seconds": window, **rest})


def judged(gate: Gate, samples: Samples) -> JudgedGate:
    """Return the verdict over the period of the samples."""
    return judge_gate(
        gate,
        samples,
        settings={},
        disturbances=[],
        period=(samples.started_at, samples.finished_at),
        rehearsal_window_seconds=None,
    )


@pytest.mark.parametrize("span", SPANS, ids=lambda span: span.job)
@pytest.mark.parametrize("measure", [INCREASE, RATE, RATIO, QUANTILE], ids=lambda measure: str(measure["kind"]))
@pytest.mark.parametrize("late", [0.0, 0.4], ids=["on-a-scrape", "between-scrapes"])
def test_the_same_samples_give_the_same_number(
    prometheus: httpx2.Client, end: datetime, span: Span, measure: Mapping[str, object], late: float
) -> None:
    """Three instances and a restart: both agree but for what PromQL extrapolates to the ends of the window."""
    at = end + timedelta(seconds=late * span.interval)
    samples = raw(prometheus, span, at, ("bad_total", "all_total", "took_bucket"))

    ours = judged(a_gate(measure, span.seconds), samples)
    theirs = number(prometheus, span.promql[str(measure["kind"])], at)

    extrapolated = 2 * span.interval / (span.seconds - 2 * span.interval)
    assert ours.verdict is Verdict.PASS
    assert ours.observed == pytest.approx(theirs, rel=extrapolated)


def test_an_increase_between_scrapes_is_not_extrapolated(prometheus: httpx2.Client, end: datetime) -> None:
    """We say what was counted, a whole number; PromQL says what a full window would have counted."""
    at = end + timedelta(seconds=6)
    samples = raw(prometheus, HOUR, at, ("bad_total",))
    shown = [values for name, values in scrapes(HOUR).items() if name.startswith("bad_total")]
    middle = HOUR.seconds // HOUR.interval // 2
    counted = sum(
        values[-1] - values[1] + (values[middle - 1] if values[middle] < values[middle - 1] else 0) for values in shown
    )

    ours = judged(a_gate(INCREASE, HOUR.seconds), samples).observed
    theirs = number(prometheus, HOUR.promql["increase"], at)

    assert ours == counted
    assert theirs == pytest.approx(counted * HOUR.seconds / (HOUR.seconds - HOUR.interval), rel=1e-9)


def test_rolling_windows_agree_at_every_step(prometheus: httpx2.Client, end: datetime) -> None:
    """Ten minutes rolling over an hour: the same curve, a restart included."""
    samples = raw(prometheus, HOUR, end, ("bad_total", "all_total"))
    question = 'sum(increase(bad_total{job="hour"}[10m])) / sum(increase(all_total{job="hour"}[10m]))'
    answer = prometheus.get(
        "query_range",
        params={
            "query": question,
            "start": str((end - timedelta(minutes=50)).timestamp()),
            "end": str(end.timestamp()),
            "step": "60",
        },
    ).json()
    [theirs] = answer["data"]["result"]

    ours = rolling(a_gate(RATIO, 600), samples, disturbances=[], step_seconds=60)[10:]

    assert [moment.timestamp() for moment, _ in ours] == [time for time, _ in theirs["values"]]
    assert [value for _, value in ours] == pytest.approx([float(value) for _, value in theirs["values"]], rel=0.06)


def test_a_birth_in_view_is_counted_here_and_not_there(prometheus: httpx2.Client, end: datetime) -> None:
    """A failure counter appears with seven failures in it: PromQL says that nothing happened."""
    samples = raw(prometheus, HOUR, end, ("bad_total", "born_total"))

    ours = judged(a_gate({"kind": "increase", "of": {"metric": "born"}}, HOUR.seconds), samples)

    assert ours.observed == 7.0
    assert number(prometheus, "sum(increase(born_total[3600s]))", end) == 0.0


def test_a_quantile_beyond_all_bounds_is_infinite_here_and_a_bound_there(
    prometheus: httpx2.Client, end: datetime
) -> None:
    """PromQL answers with the largest finite bound, which a gate would take for a measured value."""
    samples = raw(prometheus, HOUR, end, ("took_bucket",))
    question = 'histogram_quantile(0.9999, sum by (le) (increase(took_bucket{job="hour"}[3600s])))'

    ours = judged(a_gate({**QUANTILE, "q": 0.9999}, HOUR.seconds), samples)

    assert (ours.verdict, ours.observed) == (Verdict.FAIL, math.inf)
    assert number(prometheus, question, end) == 1000.0


def test_a_ratio_of_nothing_is_inconclusive_here_and_nan_there(prometheus: httpx2.Client, end: datetime) -> None:
    """NaN is neither below nor above a threshold, so that an alert on it stays silent."""
    samples = raw(prometheus, HOUR, end, ("bad_total", "born_total"))
    nothing = {"kind": "ratio", "numerator": {"metric": "bad"}, "denominator": {"metric": "born"}}

    ours = judged(a_gate(nothing, 600), samples)

    assert (ours.verdict, ours.observed) == (Verdict.INCONCLUSIVE, None)
    question = 'sum(increase(born_total{job="hour"}[10m])) / sum(increase(born_total{job="hour"}[10m]))'
    assert math.isnan(number(prometheus, question, end))
