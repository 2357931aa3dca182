from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from drills.errors import EvidenceError
from drills.evidence.records import JudgedGate, Series, Verdict
from drills.runbook.model import Gate
from drills.verdict.quantiles import bucket_quantile, percentile

INCREASE = {"kind": "increase", "of": {"metric": "c"}}
RATIO = {"kind": "ratio", "numerator": {"metric": "bad"}, "denominator": {"metric": "all"}}

Judge = Callable[..., JudgedGate]
MakeGate = Callable[..., Gate]
MakeSeries = Callable[..., Series]


def quantile(q: float) -> dict[str, object]:
    """Return the measure that takes the ``q`` quantile of the histogram ``h``."""
    return {"kind": "quantile", "q": q, "of": {"metric": "h", "part": "bucket"}}


def gauge(take: str) -> dict[str, object]:
    """Return the measure that takes the last, largest or mean value of the gauge ``g``."""
    return {"kind": "gauge", "of": {"metric": "g"}, "take": take}


def histogram(series: MakeSeries, per_second: dict[str, float], **labels: str) -> list[Series]:
    """Return a minute of buckets that each grow by so many observations a second."""
    return [
        series("h_bucket", [rate * second for second in range(61)], le=le, **labels) for le, rate in per_second.items()
    ]


def test_an_increase_is_the_sum_over_all_instances(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """What every instance counted belongs to the whole, under its plain name and with the suffix of a counter."""
    found = judge(
        gate(INCREASE), [series("c", range(61), instance="a"), series("c_total", range(0, 122, 2), instance="b")]
    )

    assert found.observed == 180.0


def test_a_counter_that_restarted_has_gained_what_it_shows(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A restart loses at most what was counted after the last scrape, and never makes an increase negative."""
    found = judge(gate(INCREASE), [series("c", [100 + i for i in range(30)] + [2 + i for i in range(31)])])

    assert found.observed == 29 + 2 + 30


def test_a_series_born_in_view_has_grown_from_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """The first mismatch creates its series with the mismatch already in it: that one counts too."""
    found = judge(
        gate(RATIO, minimum_samples=10),
        [
            series("all", range(0, 610, 10), status="ok"),
            series("bad", [0.0] * 61, status="ok"),
            series("bad", [7.0] * 21, first=40, status="mismatch"),
        ],
    )

    assert found.observed == 7 / 600


def test_a_series_that_begins_with_the_record_may_be_old(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Without an older sample of the same scrape nothing says that a counter began at zero."""
    found = judge(gate(INCREASE), [series("c", range(5000, 5061))])

    assert found.observed == 60.0


def test_a_series_between_the_scrapes_of_others_is_not_taken_for_newborn(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """Two series with different scrape times say nothing about each other's birth."""
    found = judge(gate(INCREASE), [series("c", range(5000, 5060), first=0.5), series("other", range(61))])

    assert found.observed == 59.0


def test_a_ratio_is_of_sums_not_a_mean_of_ratios(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A small cycle that was all wrong weighs as much as its documents, not as much as a large cycle."""
    everything = [0.0] + [10.0] + [1010.0] * 59
    found = judge(gate(RATIO), [series("bad", [0.0] + [10.0] * 60), series("all", everything)])

    assert found.observed == 10 / 1010


def test_a_rate_is_per_second_of_undisturbed_time(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """What happened during a disturbance counts neither above nor below the line."""
    steady = gate({"kind": "rate", "of": {"metric": "c"}}, steady_state=True)
    calm = [2.0 * second for second in range(61)]
    burst = [value + (500.0 if second > 30 else 0.0) for second, value in enumerate(calm)]

    assert judge(steady, [series("c", burst)], disturbed=[(25.5, 34.5)]).observed == 2.0


def test_a_quantile_is_interpolated_inside_its_bucket(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Half of the second bucket lies below the median: the value is half-way through it."""
    buckets = histogram(series, {"10": 1.0, "20": 3.0, "+Inf": 4.0})

    assert judge(gate(quantile(0.5)), buckets).observed == 15.0


def test_a_quantile_in_a_first_bucket_at_zero_is_zero(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """Lag drift of nothing but zeros has a p95 of zero, not of a part of the next bound."""
    buckets = histogram(series, {"0": 4.0, "1": 4.0, "+Inf": 4.0})

    assert judge(gate(quantile(0.95)), buckets).observed == 0.0


def test_a_quantile_beyond_the_largest_bound_is_infinite(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """PromQL would say 10 and pass below 1000; nobody measured that."""
    found = judge(gate(quantile(0.95)), histogram(series, {"10": 9.0, "+Inf": 10.0}))

    assert (found.verdict, found.observed, found.margin) == (Verdict.FAIL, np.inf, -np.inf)
    assert "+Inf means above 10, the largest finite bucket bound" in found.reason


def test_instances_with_other_buckets_share_what_they_can(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A bound that only one histogram has is left out: coarser, but no count is invented."""
    found = judge(
        gate(quantile(0.5)),
        [
            *histogram(series, {"10": 1.0, "20": 2.0, "+Inf": 2.0}, instance="a"),
            *histogram(series, {"10": 1.0, "15": 2.0, "20": 2.0, "+Inf": 2.0}, instance="b"),
        ],
    )

    assert found.observed == 10.0


def test_a_histogram_restarts_as_one(gate: MakeGate, series: MakeSeries, judge: Judge) -> None:
    """A bucket that has caught up after a restart would hide it; the other buckets tell."""
    found = judge(
        gate(quantile(0.5), minimum_samples=15),
        [
            series("h_bucket", [5.0] * 61, le="10"),
            series("h_bucket", [10.0] * 30 + [8.0] * 31, le="20"),
            series("h_bucket", [20.0] * 30 + [16.0] * 31, le="+Inf"),
        ],
    )

    assert (found.sample_count, found.observed) == (16, 20.0)


@pytest.mark.parametrize(
    ("buckets", "reason"),
    [
        ({"10": 1.0, "20": 2.0}, "do not share a bucket +Inf and a finite one"),
        ({"+Inf": 2.0}, "do not share a bucket +Inf and a finite one"),
        ({"10": 3.0, "20": 2.0, "+Inf": 4.0}, "could not be believed"),
        ({"10": 1.0, "many": 2.0}, "do not share a bucket +Inf and a finite one"),
    ],
    ids=["no-inf", "only-inf", "falling", "not-a-number"],
)
def test_broken_buckets_are_no_basis(
    gate: MakeGate, series: MakeSeries, judge: Judge, buckets: dict[str, float], reason: str
) -> None:
    """A histogram that is not one gives no quantile, however good the number would look."""
    found = judge(gate(quantile(0.5)), histogram(series, buckets))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert reason in found.reason


def test_a_bucket_missing_from_some_scrapes_makes_them_unreadable(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """Half of the scrapes without one bucket are half of the window not covered."""
    found = judge(
        gate(quantile(0.5)), [series("h_bucket", range(31), le="10"), series("h_bucket", range(61), le="+Inf")]
    )

    assert (found.verdict, found.covered_seconds) == (Verdict.INCONCLUSIVE, 30.0)


@pytest.mark.parametrize(("take", "observed"), [("last", 3.0), ("max", 9.0), ("mean", (58 * 1 + 9 + 2 + 3) / 61)])
def test_a_gauge_is_taken_as_asked(
    gate: MakeGate, series: MakeSeries, judge: Judge, take: str, observed: float
) -> None:
    """Last, largest and mean reading of the window."""
    found = judge(gate(gauge(take)), [series("g", [1.0] * 40 + [9.0] + [1.0] * 18 + [2.0, 3.0])])

    assert found.observed == pytest.approx(observed)


@pytest.mark.parametrize(("relation", "observed"), [("<", 8.0), (">", 2.0)])
def test_the_last_gauge_of_several_instances_is_the_worst(
    gate: MakeGate, series: MakeSeries, judge: Judge, relation: str, observed: float
) -> None:
    """One instance in trouble is enough; an instance that has stopped answering shows nothing any more."""
    found = judge(
        gate(gauge("last"), {"kind": "comparison", "relation": relation, "threshold": 5.0}),
        [
            series("g", [2.0] * 61, instance="a"),
            series("g", [8.0] * 61, instance="b"),
            series("g", [99.0 if relation == "<" else 0.0] * 3, first=0, instance="gone"),
        ],
        rehearsal=30,
    )

    assert found.observed == observed


@pytest.mark.parametrize("take", ["last", "max", "mean"])
def test_an_infinite_gauge_counts_only_against_a_gate(
    gate: MakeGate, series: MakeSeries, judge: Judge, take: str
) -> None:
    """Infinity breaks an upper limit; it never satisfies a lower one."""
    readings = [series("g", [1.0] * 60 + [np.inf])]
    above = {"kind": "comparison", "relation": ">", "threshold": 1.0}

    assert judge(gate(gauge(take)), readings).verdict is Verdict.FAIL
    assert judge(gate(gauge(take), above), readings).observed == 1.0


def test_a_series_with_times_and_values_of_different_length_is_refused(
    gate: MakeGate, series: MakeSeries, judge: Judge
) -> None:
    """A damaged record is said to be damaged, not guessed at."""
    damaged = series("c", range(61)).model_copy(update={"values": (1.0,)})

    with pytest.raises(EvidenceError, match="61 times but 1 values"):
        judge(gate(INCREASE), [damaged])


def test_bucket_quantiles_of_many_windows_are_those_of_each() -> None:
    """A row knows nothing of its neighbours; a row without observations has no quantile."""
    bounds = np.array([1.0, 2.0, np.inf])
    counts = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]])

    np.testing.assert_array_equal(bucket_quantile(0.5, bounds, counts), [0.5, 1.5, np.inf, np.nan])


def test_a_bucket_bound_below_zero_is_the_value_of_its_bucket() -> None:
    """Where a first bucket starts is not known; its bound is what is known."""
    found = bucket_quantile(0.5, np.array([-1.0, 3.0, np.inf]), np.array([[4.0, 1.0, 0.0]]))

    assert found.tolist() == [-1.0]


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.95, 1.0])
def test_a_percentile_of_raw_values_is_that_of_numpy(q: float) -> None:
    """The fast way gives the number of the usual way."""
    values = np.random.default_rng(7).lognormal(size=1001)

    assert percentile(values, q) == pytest.approx(float(np.quantile(values, q)), rel=1e-12)


@pytest.mark.parametrize("values", [[], [1.0, np.nan, 2.0]])
def test_a_percentile_of_nothing_or_of_nan_is_nan(values: list[float]) -> None:
    """No values and unreadable values have no percentile."""
    assert np.isnan(percentile(np.array(values), 0.5))
