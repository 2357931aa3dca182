from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import pytest

from drills.evidence.records import Interval, JudgedGate, Samples, Series, Verdict
from drills.runbook.model import Gate
from drills.verdict.gates import metrics_of, rolling

INCREASE = {"kind": "increase", "of": {"metric": "c"}}
RATIO = {"kind": "ratio", "numerator": {"metric": "bad"}, "denominator": {"metric": "all"}}
QUANTILE = {"kind": "quantile", "q": 0.95, "of": {"metric": "h", "part": "bucket"}}
GAUGE = {"kind": "gauge", "of": {"metric": "g"}, "take": "max"}
BELOW_ONE_PERCENT = {"kind": "comparison", "relation": "<", "threshold": 0.01}

Judge = Callable[..., JudgedGate]
MakeGate = Callable[..., Gate]
MakeSeries = Callable[..., Series]
MakeSamples = Callable[..., Samples]
Moment = Callable[[float], datetime]


def test_a_gate_says_all_its_figures(gate: MakeGate, series: MakeSeries, judge: Judge, moment: Moment) -> None:
    """Observed, threshold, margin, window required and used, covered time, events and the worst moment."""
    bad = [0.0] * 10 + [1.0] * 51
    found = judge(
        gate(RATIO, BELOW_ONE_PERCENT, window_seconds=3600),
        [series("bad", bad), series("all", range(0, 610, 10))],
        rehearsal=40,
    )

    assert found == JudgedGate(
        id="gate",
        title="A gate",
        source="§3.1",
        verdict=Verdict.PASS,
        reason="0 at the last point, 2026-02-20 14:01:00 UTC; worst 0.00277778 at 2026-02-20 14:00:36 UTC; "
        "25 of 61 points could be judged",
        unit="things",
        observed=0.0,
        relation="<",
        threshold=0.01,
        margin=0.01,
        window_seconds=40.0,
        runbook_window_seconds=3600.0,
        covered_seconds=40.0,
        sample_count=400,
        worst=1 / 360,
        worst_at=moment(36),
    )


def test_a_gate_broken_in_the_middle_fails_though_it_ends_well(
    gate: MakeGate, series: MakeSeries, judge: Judge, moment: Moment
) -> None:
    """Rolling means at every point: a burst that has left the window at the end was still a breach."""
    bad = [0.0] * 30 + [50.0] * 91
    found = judge(
        gate(RATIO, BELOW_ONE_PERCENT, window_seconds=20),
        [series("bad", bad), series("all", range(0, 1210, 10))],
        seconds=120,
    )

    assert (found.verdict, found.observed, found.worst, found.worst_at) == (Verdict.FAIL, 0.0, 0.25, moment(30))
    assert found.reason.startswith("not < 0.01 at 20 of 103 points judged; 0 at the last point")


@pytest.mark.parametrize(
    ("relation", "threshold", "verdict", "margin"),
    [
        ("<", 60.0, Verdict.FAIL, 0.0),
        ("<=", 60.0, Verdict.PASS, 0.0),
        (">", 50.0, Verdict.PASS, 10.0),
        (">=", 61.0, Verdict.FAIL, -1.0),
    ],
)
def test_relations(
    gate: MakeGate, series: MakeSeries, judge: Judge, relation: str, threshold: float, verdict: Verdict, margin: float
) -> None:
    """A margin is positive inside the threshold, whichever side that is."""
    limited = gate(INCREASE, {"kind": "comparison", "relation": relation, "threshold": threshold}, minimum_coverage=1)
    found = judge(limited, [series("c", range(61))])

    assert (found.verdict, found.margin) == (verdict, margin)


@pytest.mark.parametrize(
    ("settings", "verdict", "reason"),
    [
        ({"limit": 100.0}, Verdict.PASS, "60 at the last point"),
        ({}, Verdict.INCONCLUSIVE, "the target does not say 'limit'"),
        ({"limit": math.nan}, Verdict.INCONCLUSIVE, "the setting 'limit' is nan"),
        ({"limit": math.inf}, Verdict.INCONCLUSIVE, "the setting 'limit' is inf"),
    ],
)
def test_a_threshold_of_the_target_has_no_default(
    gate: MakeGate, series: MakeSeries, judge: Judge, settings: dict[str, float], verdict: Verdict, reason: str
) -> None:
    """A setting that is not there, or compares with anything, is named; the observed value is still told."""
    limited = gate(INCREASE, {"kind": "comparison", "relation": "<", "setting": "limit", "threshold": 1e9})
    found = judge(limited, [series("c", range(61))], settings=settings)

    assert (found.verdict, found.observed) == (verdict, 60.0)
    assert reason in found.reason


def test_an_objective_without_any_threshold_is_inconclusive(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """There is nothing to compare with, so nothing passes."""
    found = judge(gate(INCREASE, {"kind": "comparison", "relation": "<"}), [series("c", range(61))])

    assert (found.verdict, found.margin) == (Verdict.INCONCLUSIVE, None)


def test_a_period_shorter_than_the_window_says_how_much_is_missing(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """A minute says nothing about an hour; that is what rehearsal windows are for."""
    hour = gate(INCREASE, window_seconds=3600)
    minute = [series("c", range(61))]

    assert judge(hour, minute).verdict is Verdict.INCONCLUSIVE
    assert "is covered for 60 of 3600 s (2%), required 90%" in judge(hour, minute).reason
    assert judge(hour, minute, rehearsal=60).verdict is Verdict.PASS


def test_a_rehearsal_never_lengthens_a_window(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """The runbook's window is the longest that is used."""
    assert judge(gate(INCREASE), [series("c", range(61))], rehearsal=3600).window_seconds == 60.0


@pytest.mark.parametrize("gap", [(20, 30), (80, 90)], ids=["early", "late"])
def test_a_gap_anywhere_in_the_period_is_not_passed_over(
    gate: MakeGate, series: MakeSeries, judge: Judge, gap: tuple[int, int]
) -> None:
    """A window that nobody watched may have been a broken one, even if later ones are whole."""
    kept = [index for index in range(121) if not gap[0] < index < gap[1]]
    whole = series("c", range(121))
    holed = whole.model_copy(
        update={"times": tuple(whole.times[i] for i in kept), "values": tuple(whole.values[i] for i in kept)}
    )
    window = gate(INCREASE, window_seconds=30)

    assert judge(window, [whole], seconds=120).verdict is Verdict.PASS
    assert judge(window, [holed], seconds=120).verdict is Verdict.INCONCLUSIVE
    assert "(67%), required 90%" in judge(window, [holed], seconds=120).reason


def test_one_lost_scrape_is_bridged(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Counters remember what happened between two scrapes that both arrived."""
    whole = series("c", range(61))
    times, values = list(whole.times), list(whole.values)
    del times[30], values[30]
    holed = whole.model_copy(update={"times": tuple(times), "values": tuple(values)})
    strict = gate(INCREASE, minimum_coverage=1)

    assert judge(strict, [holed]) == judge(strict, [whole]).model_copy(
        update={"reason": judge(strict, [holed]).reason, "sample_count": 60}
    )


def test_what_happened_in_a_gap_is_counted(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A long gap costs coverage, not the increase that the counter kept."""
    found = judge(
        gate(INCREASE, minimum_coverage=0.5),
        [series("c", range(21)), series("c", range(540, 561), first=40)],
    )

    assert (found.observed, found.covered_seconds) == (560.0, 40.0)


def test_stale_samples_are_inconclusive(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A gate that was green ten minutes ago is not known to be green."""
    found = judge(gate(INCREASE), [series("c", range(61))], seconds=660)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "stale: the newest sample is 600 s old at the end of the period, allowed 300 s" in found.reason


def test_a_breach_in_stale_samples_stays_a_breach(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Worst counts: what was seen to be broken is not excused by seeing nothing later."""
    limited = gate(INCREASE, {"kind": "comparison", "relation": "<", "threshold": 10.0})

    assert judge(limited, [series("c", range(61))], seconds=660).verdict is Verdict.FAIL


def test_samples_outside_the_period_are_no_points(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Only the drill's own time is judged; older samples may fill its first windows."""
    older = [series("c", range(101), first=-80)]

    assert "21 of 21 points could be judged" in judge(gate(INCREASE), older, seconds=20).reason
    assert judge(gate(INCREASE), [series("c", range(61), first=-80)], seconds=20).verdict is Verdict.INCONCLUSIVE
    assert judge(gate(INCREASE), [series("c", range(61), first=80)], seconds=20).verdict is Verdict.INCONCLUSIVE


def test_what_happens_after_the_period_is_not_judged(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """The record may go on after the drill; the drill is judged by its own time."""
    limited = gate(INCREASE, {"kind": "comparison", "relation": "<", "threshold": 100.0})

    assert judge(limited, [series("c", [*range(61), *[1000.0] * 60])]).verdict is Verdict.PASS


@pytest.mark.parametrize("measure", [INCREASE, RATIO, QUANTILE, GAUGE], ids=lambda measure: measure["kind"])
@pytest.mark.parametrize("what", ["nothing", "empty", "another", "no-values", "nan", "infinite"])
def test_no_data_never_passes(
    gate: MakeGate, series: MakeSeries, judge: Judge, measure: dict[str, object], what: str
) -> None:
    """Chaos Toolkit takes an empty result, and one that is NaN, for success; here both say that nothing was seen."""
    names = ("c", "bad", "all", "h_bucket", "g")
    given = {
        "nothing": None,
        "empty": [],
        "another": [series("another", range(61))],
        "no-values": [series(name, [], le="+Inf") for name in names],
        "nan": [series(name, [math.nan] * 61, le="+Inf") for name in names],
        "infinite": [series(name, [-math.inf] * 61, le="+Inf") for name in names],
    }[what]
    found = judge(gate(measure), given)

    assert (found.verdict, found.observed, found.sample_count) == (Verdict.INCONCLUSIVE, None, 0)


def test_a_counter_below_zero_is_no_counter(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Nothing has happened fewer than zero times: such readings are left out."""
    assert judge(gate(INCREASE), [series("c", range(-100, -39))]).verdict is Verdict.INCONCLUSIVE


def test_only_series_with_the_labels_of_the_selector_count(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A gate on one reason is not fed by the others."""
    chosen = {"kind": "increase", "of": {"metric": "c", "labels": {"reason": "missing"}}}
    counters = [series("c", range(0, 122, 2), reason="lag"), series("c", range(61), reason="missing", status="ok")]

    assert judge(gate(chosen), counters).observed == 60.0


def test_a_few_nan_are_left_out_and_told(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A scrape with NaN in it was not a reading; one such is bridged, and the reader is told."""
    found = judge(gate(INCREASE), [series("c", [*range(30), math.nan, *range(31, 61)])])

    assert (found.verdict, found.observed) == (Verdict.PASS, 60.0)
    assert "1 readings could not be believed" in found.reason


def test_nan_in_the_last_scrapes_makes_the_data_stale(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Unreadable samples do not make the newest reading any newer."""
    found = judge(gate(INCREASE, maximum_age_seconds=5), [series("c", [*range(50), *[math.nan] * 11])])

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "stale: the newest sample is 11 s old" in found.reason


def test_nothing_sampled_is_not_a_rate_of_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A denominator that does not move says that nothing was compared, not that everything was equal."""
    found = judge(gate(RATIO, BELOW_ONE_PERCENT), [series("bad", [0.0] * 61), series("all", [500.0] * 61)])

    assert (found.verdict, found.observed, found.sample_count) == (Verdict.INCONCLUSIVE, None, 0)
    assert "nothing was sampled in the last window, required 1" in found.reason


def test_sampling_that_stops_is_not_passed_over(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """An auditor that falls silent leaves a clean record behind; the last window shows that it is empty."""
    audited = [*range(0, 300, 10), *[300.0] * 91]
    found = judge(
        gate(RATIO, BELOW_ONE_PERCENT, window_seconds=30),
        [series("bad", [0.0] * 121), series("all", audited)],
        seconds=120,
    )

    assert (found.verdict, found.sample_count) == (Verdict.INCONCLUSIVE, 0)


def test_too_few_events_are_no_verdict(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Three good replays are an anecdote."""
    found = judge(gate(RATIO, minimum_samples=20), [series("bad", [0.0] * 61), series("all", [0] * 58 + [1, 2, 3])])

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "3 samples in the last window, required 20" in found.reason


def test_an_absent_counter_is_zero_only_beside_advancing_evidence(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """A counter that nothing ever incremented is told from one that nobody exposes."""
    plain, proved = gate(INCREASE, minimum_samples=5), gate(INCREASE, minimum_samples=5, evidence={"metric": "cycles"})
    advancing, standing = [series("cycles", range(61))], [series("cycles", [60.0] * 61)]

    assert judge(plain, advancing).verdict is Verdict.INCONCLUSIVE
    assert "no series c (of)" in judge(plain, advancing).reason
    assert judge(proved, standing).verdict is Verdict.INCONCLUSIVE
    assert judge(proved, [series("c", [0.0] * 61)]).verdict is Verdict.INCONCLUSIVE
    assert (judge(proved, advancing).verdict, judge(proved, advancing).sample_count) == (Verdict.PASS, 60)
    assert "c does not exist and counts as 0, because cycles was watched" in judge(proved, advancing).reason


def test_an_absent_numerator_needs_evidence_and_a_denominator(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """No mismatch series is a mismatch rate of zero only where sampling was seen; a denominator is never excused."""
    proved = gate(RATIO, evidence={"metric": "all"})

    assert judge(gate(RATIO), [series("all", range(61))]).verdict is Verdict.INCONCLUSIVE
    assert judge(proved, [series("all", range(61))]).verdict is Verdict.PASS
    assert judge(proved, [series("bad", range(61))]).verdict is Verdict.INCONCLUSIVE


def test_an_absent_numerator_needs_evidence_that_advances(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Work that goes on while the auditor stands still was not audited."""
    proved = gate(RATIO, evidence={"metric": "cycles"})

    assert judge(proved, [series("all", range(61)), series("cycles", [9.0] * 61)]).verdict is Verdict.INCONCLUSIVE


def test_absence_breaks_nothing_either(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A lower limit is not broken by a counter that nobody exposes: a FAIL is something that was seen."""
    found = judge(gate(RATIO, {"kind": "comparison", "relation": ">", "threshold": 0.5}), [series("all", range(61))])

    assert (found.verdict, found.observed, found.worst) == (Verdict.INCONCLUSIVE, None, None)


def test_the_worst_of_a_lower_limit_is_the_lowest(
    gate: MakeGate, series: MakeSeries, judge: Judge, moment: Moment
) -> None:
    """Where a gate wants much, its worst moment is that of least."""
    limited = gate(INCREASE, {"kind": "comparison", "relation": ">", "threshold": 5.0}, window_seconds=20)
    counts = [*range(0, 60, 2), *[60.0] * 10, *range(62, 104, 2)]
    found = judge(limited, [series("c", counts)])

    assert (found.verdict, found.worst, found.worst_at) == (Verdict.PASS, 22.0, moment(39))


def test_a_window_with_too_few_events_is_not_judged(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """One failed replay out of one is no rate; the windows that follow have enough."""
    counts = [0.0] * 20 + [1.0] * 21 + list(range(2, 82))
    bad = [0.0] * 20 + [1.0] * 101
    found = judge(
        gate(RATIO, {"kind": "comparison", "relation": "<", "threshold": 0.5}, window_seconds=20, minimum_samples=10),
        [series("bad", bad), series("all", counts)],
        seconds=120,
    )

    assert (found.verdict, found.worst) == (Verdict.PASS, 0.0)
    assert "71 of 121 points could be judged" in found.reason


def test_an_absent_histogram_or_gauge_is_never_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A latency that nobody measured is not a latency of nothing, whatever else was watched."""
    for measure in (QUANTILE, GAUGE):
        proved = gate(measure, evidence={"metric": "cycles"})

        assert judge(proved, [series("cycles", range(61))]).verdict is Verdict.INCONCLUSIVE


def test_a_steady_gate_leaves_disturbances_out(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """What the drill itself broke is not held against the system, and the coverage is that of the rest."""
    limit = {"kind": "comparison", "relation": "<", "threshold": 70.0}
    counts = [series("c", [second + (1000.0 if second >= 32 else 0.0) for second in range(61)])]
    steady = judge(gate(INCREASE, limit, steady_state=True), counts, disturbed=[(30.5, 33.5)])

    assert judge(gate(INCREASE, limit), counts, disturbed=[(30.5, 33.5)]).verdict is Verdict.FAIL
    assert (steady.verdict, steady.observed, steady.covered_seconds) == (Verdict.PASS, 56.0, 55.0)
    assert "disturbances by the drill are left out" in steady.reason


def test_disturbances_inside_one_another_are_one(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A flip during a longer one disturbs no more and no less than the longer one."""
    steady, counts = gate(INCREASE, steady_state=True), [series("c", range(61))]

    nested = judge(steady, counts, disturbed=[(10.5, 40.5), (15.5, 20.5)])

    assert nested == judge(steady, counts, disturbed=[(10.5, 40.5)])


def test_a_drill_that_was_disturbed_throughout_is_inconclusive(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """Steady state that never was cannot be judged."""
    found = judge(gate(INCREASE, steady_state=True), [series("c", range(61))], disturbed=[(0, 40), (35, 60)])

    assert (found.verdict, found.covered_seconds) == (Verdict.INCONCLUSIVE, 0.0)
    assert "was disturbed by the drill" in found.reason


@pytest.mark.parametrize("interval", [0.0, -1.0, math.nan, math.inf])
def test_an_unknown_interval_is_inconclusive(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, judge: Judge, interval: float
) -> None:
    """Without the distance of two scrapes a gap cannot be seen."""
    found = judge(gate(INCREASE), samples([series("c", range(61))], interval=interval))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the sampling interval is" in found.reason


def test_duplicates_count_once_and_contradictions_not_at_all(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """The same sample twice is one sample; two values for one moment are none."""
    once = series("c", range(61))
    strict = gate(INCREASE, minimum_coverage=1)
    twice = judge(strict, [once, once])
    contradicted = judge(strict, [once, series("c", [900.0], first=30)])

    assert twice == judge(strict, [once])
    assert (contradicted.verdict, contradicted.observed) == (Verdict.PASS, 60.0)
    assert "1 readings could not be believed" in contradicted.reason


def test_a_sample_without_a_time_is_no_sample(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """What was read at no moment belongs to no window."""
    whole = series("c", range(61))
    timeless = whole.model_copy(update={"times": (*whole.times, math.nan), "values": (*whole.values, 9000.0)})

    assert judge(gate(INCREASE), [timeless]) == judge(gate(INCREASE), [whole])


def test_the_metrics_of_a_gate_are_all_it_reads(gate: MakeGate) -> None:
    """Numerator, denominator and evidence, with dots written as Prometheus does and as a counter may be suffixed."""
    measure = {
        "kind": "ratio",
        "numerator": {"metric": "a.bad"},
        "denominator": {"metric": "a.h", "part": "count"},
    }

    assert metrics_of(gate(measure, evidence={"metric": "a.cycle"})) == {
        *("a_bad", "a_bad_total"),
        *("a_h_count", "a_h_count_total"),
        *("a_cycle", "a_cycle_total"),
    }


def test_rolling_values_have_gaps_where_nothing_can_be_said(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, moment: Moment
) -> None:
    """A picture shows a gap as a gap, not as a line through it."""
    taken = samples([series("c", range(31)), series("c", range(50, 81), first=50)], seconds=80)
    points = rolling(gate(INCREASE, window_seconds=10), taken, disturbances=[], step_seconds=10)

    assert points == tuple(
        zip(map(moment, range(0, 90, 10)), [None, 10.0, 10.0, 10.0, None, None, 10.0, 10.0, 10.0], strict=True)
    )


def test_a_gap_in_the_samples_is_seen_though_the_window_is_covered_enough(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, moment: Moment
) -> None:
    """Five of a hundred seconds lost leave every window judgeable; the picture still shows when nobody looked."""
    taken = samples([series("c", range(151)), series("c", range(156, 201), first=156)], seconds=200)
    points = rolling(gate(INCREASE, window_seconds=100), taken, disturbances=[], step_seconds=1)

    unseen = [at for at, value in points if value is None and at >= moment(100)]
    assert unseen == [moment(153), moment(154), moment(155)]


def test_a_gap_longer_than_the_window_takes_nothing_from_the_others(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples
) -> None:
    """What one instance gained in a gap that fits no window belongs to none, and is not taken off either."""
    gone = [series("c", [0.0] * 11, instance="a"), series("c", [100.0] * 11, first=50, instance="a")]
    taken = samples([*gone, series("c", range(61), instance="b")])
    points = rolling(gate(INCREASE, window_seconds=20), taken, disturbances=[], step_seconds=20)

    assert [value for _, value in points] == [None, 20.0, 20.0, 20.0]


def test_rolling_leaves_out_what_a_steady_gate_leaves_out(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, moment: Moment
) -> None:
    """The picture is of what was judged."""
    taken = samples([series("c", range(61))])
    flip = Interval(started_at=moment(20.5), finished_at=moment(39.5), reason="flip")
    points = rolling(gate(INCREASE, steady_state=True), taken, disturbances=[flip], step_seconds=20, window_seconds=20)

    assert [value for _, value in points] == [None, 20.0, None, 20.0]


@pytest.mark.parametrize("values", [[], [math.nan] * 61], ids=["empty", "nan"])
def test_rolling_over_nothing_is_nothing(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, values: list[float]
) -> None:
    """No samples, no points."""
    assert rolling(gate(INCREASE), samples([series("c", values)]), disturbances=[], step_seconds=1) == ()


def test_rolling_over_no_series_is_nothing(gate: MakeGate, samples: MakeSamples) -> None:
    """A source that gave no series gives an empty picture."""
    assert rolling(gate(INCREASE), samples([]), disturbances=[], step_seconds=1) == ()
