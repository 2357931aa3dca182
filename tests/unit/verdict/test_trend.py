from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate, permutations

import numpy as np
import pytest

from drills.evidence.records import JudgedGate, Series, Verdict
from drills.runbook.model import Gate
from drills.verdict.trend import quiet_seconds, rising

MISSING = {"kind": "increase", "of": {"metric": "missing"}}
TO_ZERO = {"kind": "trend_to_zero", "epsilon": 0.5, "buckets": 6}

Judge = Callable[..., JudgedGate]
MakeGate = Callable[..., Gate]
MakeSeries = Callable[..., Series]


def per_bucket(series: MakeSeries, gains: Sequence[float], **labels: str) -> Series:
    """Return a minute of a counter that gains so much in each bucket of ten seconds, in the middle of it."""
    steps = [0.0, *(gain if second == 5 else 0.0 for gain in gains for second in range(10))]
    return series("missing", list(accumulate(steps)), **labels)


@pytest.mark.parametrize(
    ("gains", "verdict", "reason"),
    [
        ([0, 0, 0, 0, 0, 0], Verdict.PASS, "0 in the last of 6 buckets, 6 could be read"),
        ([9, 4, 2, 1, 0, 0], Verdict.PASS, "0 in the last of 6 buckets"),
        ([0, 50, 0, 0, 0, 0], Verdict.PASS, "0 in the last of 6 buckets"),
        ([0, 0, 0, 0, 0, 1], Verdict.FAIL, "the last bucket holds 1, more than 0.5"),
        ([9, 8, 7, 6, 5, 4], Verdict.FAIL, "the last bucket holds 4, more than 0.5"),
    ],
)
def test_the_last_bucket_is_near_zero(
    gate: MakeGate, series: MakeSeries, judge: Judge, gains: list[float], verdict: Verdict, reason: str
) -> None:
    """What was missing may have been missing; at the end nothing is."""
    found = judge(gate(MISSING, TO_ZERO), [per_bucket(series, gains)])

    assert (found.verdict, found.observed, found.worst) == (verdict, gains[-1], max(gains))
    assert reason in found.reason


def test_a_rise_that_stays_below_epsilon_is_a_rise(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Near zero today is not trending to zero when every bucket holds more than the one before."""
    found = judge(gate(MISSING, {**TO_ZERO, "epsilon": 10}), [per_bucket(series, [1, 2, 3, 4, 5, 6])])

    assert (found.verdict, found.threshold, found.margin) == (Verdict.FAIL, 10.0, 4.0)
    assert "rising (p = 0.00139, below 0.05)" in found.reason


def test_only_the_end_is_judged(
    gate: MakeGate, series: MakeSeries, judge: Judge, moment: Callable[[float], datetime]
) -> None:
    """A trend to zero may start anywhere: the window that ends the observation decides."""
    found = judge(gate(MISSING, TO_ZERO), [per_bucket(series, [9] * 6 + [5, 3, 1, 0, 0, 0])], seconds=120)

    assert (found.verdict, found.worst, found.worst_at) == (Verdict.PASS, 5.0, moment(70))


def test_a_bucket_that_was_partly_disturbed_is_scaled(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Two events in the six seconds that were watched stand for as many more in the other four."""
    found = judge(
        gate(MISSING, TO_ZERO, steady_state=True), [per_bucket(series, [0, 0, 0, 0, 0, 2])], disturbed=[(57, 59)]
    )

    assert found.verdict is Verdict.FAIL
    assert found.observed == pytest.approx(2 * 10 / 6)


def test_a_gain_from_before_the_window_is_not_in_its_first_bucket(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """A pair of scrapes that begins before the window may have gained before it."""
    found = judge(gate(MISSING, TO_ZERO), [series("missing", [0.0] + [9.0] * 60)], rehearsal=59.5)

    assert (found.verdict, found.worst) == (Verdict.PASS, 0.0)


def test_a_rate_trends_per_second(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """The buckets of a rate are events by the second."""
    rate = gate({"kind": "rate", "of": {"metric": "missing"}}, {**TO_ZERO, "epsilon": 0.05})

    assert judge(rate, [per_bucket(series, [9, 5, 2, 0, 0, 1])]).observed == pytest.approx(0.1)


def test_a_last_bucket_that_nobody_watched_is_not_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A disturbance over the whole end hides what the end was like."""
    found = judge(gate(MISSING, TO_ZERO, steady_state=True), [per_bucket(series, [0] * 6)], disturbed=[(48, 60)])

    assert (found.verdict, found.observed) == (Verdict.INCONCLUSIVE, None)
    assert "the last bucket of the trend was not watched" in found.reason


def test_too_few_buckets_are_no_trend(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Three buckets between disturbances have no order worth testing."""
    found = judge(
        gate(MISSING, TO_ZERO, steady_state=True), [per_bucket(series, [0] * 6)], disturbed=[(0, 9), (12, 38)]
    )

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "only 2 buckets of the trend were watched, required 4" in found.reason


@pytest.mark.parametrize("tenth", range(10))
def test_a_trend_can_be_read_once_it_was_quiet_for_so_long(
    gate: MakeGate, series: MakeSeries, judge: Judge, tenth: int
) -> None:
    """Whenever the last disturbance ended between two scrapes, watching on for the quiet time is enough."""
    proved = gate(
        MISSING, {**TO_ZERO, "buckets": 15}, evidence={"metric": "cycles"}, steady_state=True, window_seconds=30
    )
    ended = 50 + tenth / 10
    quiet = quiet_seconds(proved, 30)
    last_scrape = math.ceil(ended + quiet + 1)

    def watched_until(seconds: int) -> Verdict:
        cycles = [series("cycles", range(seconds + 1))]
        found: JudgedGate = judge(proved, cycles, seconds=seconds, disturbed=[(40, ended)])
        return found.verdict

    assert (quiet, quiet_seconds(gate(MISSING, TO_ZERO), 60)) == (2.0, 0.0)
    assert watched_until(last_scrape) is Verdict.PASS
    assert watched_until(math.ceil(ended)) is Verdict.INCONCLUSIVE


def test_evidence_must_reach_the_last_bucket(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """An auditor that fell silent before the end has not seen that nothing is missing."""
    proved = gate(MISSING, TO_ZERO, evidence={"metric": "cycles"})
    silent = series("cycles", [min(second, 50) for second in range(61)])

    assert judge(proved, [series("cycles", range(61))]).verdict is Verdict.PASS
    assert judge(proved, [silent]).verdict is Verdict.INCONCLUSIVE
    assert judge(proved, [silent, per_bucket(series, [0] * 6)]).verdict is Verdict.INCONCLUSIVE


def test_an_absent_counter_without_evidence_has_no_trend(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Nobody counting is not a count of nothing."""
    assert judge(gate(MISSING, TO_ZERO), [series("other", range(61))]).verdict is Verdict.INCONCLUSIVE


def test_the_whole_window_must_be_covered(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Half a window of zeros is half an answer."""
    found = judge(gate(MISSING, TO_ZERO, window_seconds=120), [per_bucket(series, [0] * 6)])

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "is covered for 60 of 120 s (50%), required 90%" in found.reason


def test_a_breach_that_was_half_watched_is_not_a_fail(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A last bucket above epsilon says nothing of a trend when most of its window was not seen."""
    found = judge(gate(MISSING, TO_ZERO, window_seconds=120), [per_bucket(series, [0, 0, 0, 0, 0, 9])])

    assert (found.verdict, found.worst) == (Verdict.INCONCLUSIVE, None)


def test_only_gains_trend_to_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A gauge has no gains to sort into buckets; the verdict says so."""
    found = judge(gate({"kind": "gauge", "of": {"metric": "g"}, "take": "max"}, TO_ZERO), [series("g", [0.0] * 61)])

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "trend_to_zero is defined for an increase or a rate" in found.reason


def test_the_rank_test_is_exact_without_ties() -> None:
    """The p-value is the share of all orders that rise at least as much: counted here for five buckets."""
    values = (1.0, 2.0, 4.0, 3.0, 5.0)

    def concordance(order: Sequence[float]) -> int:
        return sum(later > earlier for index, earlier in enumerate(order) for later in order[index + 1 :])

    orders = list(permutations(values))
    expected = sum(concordance(order) >= concordance(values) for order in orders) / len(orders)

    assert rising(np.array(values)) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[], [1, 2, 3], [0, 0, 0, 0, 0, 0], [2, 2, 2, 2]])
def test_no_order_is_no_trend(values: list[float]) -> None:
    """Too few values, or all of them equal: there is nothing that rises."""
    assert rising(np.array(values, dtype=np.float64)) == 1.0
