"""The algebra of gates, for every record that hypothesis can think of. The statements are those of docs/gates.md."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drills.evidence.records import JudgedGate, Samples, Series, Verdict
from drills.runbook.model import Gate
from drills.verdict.gates import rolling

Judge = Callable[..., JudgedGate]
MakeGate = Callable[..., Gate]
MakeSamples = Callable[..., Samples]
Verdicts = Callable[[str, Sequence[Series]], JudgedGate]

START = datetime(2026, 2, 20, 14, 0, tzinfo=UTC).timestamp()
LENGTH = 41
ENDS = {0, LENGTH - 1}
#: Scrapes of one instance: what each name shows at each second.
Table = Mapping[str, Sequence[float]]

MEASURES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "ratio": (
        {"kind": "ratio", "numerator": {"metric": "bad"}, "denominator": {"metric": "all"}},
        {"kind": "comparison", "relation": "<", "threshold": 0.2},
    ),
    "increase": (
        {"kind": "increase", "of": {"metric": "bad"}},
        {"kind": "comparison", "relation": "<", "threshold": 12.0},
    ),
    "rate": (
        {"kind": "rate", "of": {"metric": "bad"}},
        {"kind": "comparison", "relation": "<=", "threshold": 0.5},
    ),
    "quantile": (
        {"kind": "quantile", "q": 0.8, "of": {"metric": "h", "part": "bucket"}},
        {"kind": "comparison", "relation": "<", "threshold": 10.0},
    ),
    "trend": (
        {"kind": "increase", "of": {"metric": "bad"}},
        {"kind": "trend_to_zero", "epsilon": 1.0, "buckets": 4},
    ),
}
KINDS = sorted(MEASURES)
#: The kinds whose objective is compared at every point; a trend is a matter of the end alone.
COMPARED = sorted(set(KINDS) - {"trend"})

events = st.lists(st.sampled_from([0, 0, 0, 0, 1, 2, 5]), min_size=LENGTH, max_size=LENGTH)
good_events = st.lists(st.sampled_from([0, 1, 3, 10]), min_size=LENGTH, max_size=LENGTH)
restarts = st.sets(st.integers(1, LENGTH - 1), max_size=2)
lost = st.sets(st.integers(0, LENGTH - 1), max_size=12)
calm_events = st.lists(st.sampled_from([0] * 12 + [1, 3]), min_size=LENGTH, max_size=LENGTH)
holes = st.builds(lambda first, length: set(range(first, first + length)), st.integers(1, 30), st.integers(7, 14))


def counted(gains: Sequence[int], restarted: set[int]) -> list[float]:
    """Return what a counter shows that gains so much before each scrape and starts anew before some."""
    return [
        float(value)
        for value in accumulate(
            range(len(gains)), lambda total, at: gains[at] + (0 if at in restarted else total), initial=0
        )
    ][1:]


def table(bad: Sequence[int], good: Sequence[int], restarted: set[int]) -> Table:
    """Return the scrapes of a process that did ``bad`` and ``good`` things; bad ones take longer than 10."""
    both = [b + g for b, g in zip(bad, good, strict=True)]
    return {
        "bad": counted(bad, restarted),
        "all": counted(both, restarted),
        "h_bucket 5": counted([g // 2 for g in good], restarted),
        "h_bucket 10": counted(good, restarted),
        "h_bucket 20": counted(both, restarted),
        "h_bucket +Inf": counted(both, restarted),
    }


def scraped(shown: Table, *, without: Collection[int] = (), instance: str = "a") -> list[Series]:
    """Return the series of one instance, one scrape a second, without the scrapes that were lost."""
    kept = [at for at in range(LENGTH) if at not in without]
    return [
        Series(
            metric=name.split()[0],
            labels={"instance": instance, **({"le": name.split()[1]} if " " in name else {})},
            times=tuple(START + at for at in kept),
            values=tuple(values[at] for at in kept),
        )
        for name, values in shown.items()
    ]


@pytest.fixture(scope="session")
def verdict_on(gate: MakeGate, samples: MakeSamples, judge: Judge) -> Verdicts:
    """Return how the gate of a kind is judged, over rolling windows of half the record."""

    def judged(kind: str, series: Sequence[Series]) -> JudgedGate:
        measure, objective = MEASURES[kind]
        half = gate(measure, objective, window_seconds=LENGTH // 2, minimum_coverage=0.6, minimum_samples=5)
        return judge(half, samples(series, seconds=LENGTH - 1), seconds=LENGTH - 1)

    return judged


@given(st.sampled_from(KINDS), events, good_events, restarts, lost, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(
    verdict_on: Verdicts,
    kind: str,
    bad: list[int],
    good: list[int],
    restarted: set[int],
    gone: set[int],
    dice: random.Random,
) -> None:
    """Out of order, repeated, cut into pieces: the same samples are the same evidence."""
    series = scraped(table(bad, good, restarted), without=gone)
    mixed = []
    for one in series:
        pairs = list(zip(one.times, one.values, strict=True))
        dice.shuffle(pairs)
        cut = dice.randrange(len(pairs))
        for piece in (pairs[:cut], pairs[max(0, cut - 3) :]):
            times, values = zip(*piece, strict=True) if piece else ((), ())
            mixed.append(one.model_copy(update={"times": times, "values": values}))
    dice.shuffle(mixed)

    assert verdict_on(kind, mixed) == verdict_on(kind, series)


@given(st.sampled_from(KINDS), events, good_events, events, good_events, lost)
def test_splitting_by_instance_does_not_matter(
    verdict_on: Verdicts,
    kind: str,
    bad: list[int],
    good: list[int],
    more_bad: list[int],
    more_good: list[int],
    gone: set[int],
) -> None:
    """Two processes that share the work are judged as one process that does it all."""
    first, second = table(bad, good, set()), table(more_bad, more_good, set())
    alone = {name: [a + b for a, b in zip(first[name], second[name], strict=True)] for name in first}
    split = [*scraped(first, without=gone), *scraped(second, without=gone, instance="b")]

    assert verdict_on(kind, split) == verdict_on(kind, scraped(alone, without=gone))


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=60))
def test_an_increase_is_never_negative(gate: MakeGate, samples: MakeSamples, values: list[float]) -> None:
    """Whatever a counter shows, it has not gained less than nothing in any window."""
    increase = gate({"kind": "increase", "of": {"metric": "c"}}, window_seconds=10)
    times = tuple(START + at for at in range(len(values)))
    taken = samples([Series(metric="c", times=times, values=tuple(values))])

    points = rolling(increase, taken, disturbances=[], step_seconds=1)

    assert [value for _, value in points if value is not None and value < 0] == []


@given(events, good_events, st.integers(1, LENGTH - 1))
def test_a_restart_that_shows_loses_nothing_that_was_scraped(
    verdict_on: Verdicts, bad: list[int], good: list[int], restarted: int
) -> None:
    """A process that starts anew right after a scrape, and falls in doing so, has the increase of one that went on."""
    many = [1000, *bad[1:]]
    anew, on = (scraped(table(many, good, at)) for at in ({restarted}, set[int]()))

    assert verdict_on("increase", anew) == verdict_on("increase", on)


@given(st.sampled_from(COMPARED), events, good_events, restarts, lost, st.integers(1, LENGTH // 2))
def test_a_later_sample_never_heals_a_fail(
    verdict_on: Verdicts,
    kind: str,
    bad: list[int],
    good: list[int],
    restarted: set[int],
    gone: set[int],
    later: int,
) -> None:
    """Once a point of the period is broken, nothing that is scraped after it makes the gate pass."""
    shown = table(bad, good, restarted)
    before = verdict_on(kind, scraped(shown, without=gone | set(range(LENGTH - later, LENGTH))))
    assume(before.verdict is Verdict.FAIL)

    assert verdict_on(kind, scraped(shown, without=gone)).verdict is Verdict.FAIL


@given(st.sampled_from(KINDS), events, good_events, restarts, lost, st.integers(0, LENGTH - 1), st.integers(1, 9))
def test_a_failing_event_never_heals_a_fail(
    verdict_on: Verdicts,
    kind: str,
    bad: list[int],
    good: list[int],
    restarted: set[int],
    gone: set[int],
    at: int,
    failures: int,
) -> None:
    """More failures do not help, wherever they are added (for a trend: in its last bucket)."""
    before = verdict_on(kind, scraped(table(bad, good, restarted), without=gone))
    assume(before.verdict is Verdict.FAIL)
    at = LENGTH - 1 - at % 5 if kind == "trend" else at
    worse = [gain + (failures if second == at else 0) for second, gain in enumerate(bad)]

    assert verdict_on(kind, scraped(table(worse, good, restarted), without=gone)).verdict is not Verdict.PASS


@given(st.sampled_from(KINDS), calm_events, calm_events | good_events, restarts, holes | lost, lost)
def test_losing_scrapes_never_makes_a_pass_of_what_was_inconclusive(
    verdict_on: Verdicts,
    kind: str,
    bad: list[int],
    good: list[int],
    restarted: set[int],
    gone: set[int],
    also_gone: set[int],
) -> None:
    """Between the first scrape and the last, less evidence is never a better verdict."""
    shown, gone = table(bad, good, restarted), gone - ENDS
    before = verdict_on(kind, scraped(shown, without=gone))
    assume(before.verdict is Verdict.INCONCLUSIVE)

    after = verdict_on(kind, scraped(shown, without=gone | (also_gone - ENDS)))

    assert after.verdict is not Verdict.PASS


@given(st.sampled_from(COMPARED), events, good_events, lost)
def test_losing_scrapes_never_heals_a_fail_whose_window_keeps_its_ends(
    verdict_on: Verdicts, kind: str, bad: list[int], good: list[int], gone: set[int]
) -> None:
    """Counters remember: a broken window stays broken, or is no longer covered well enough to say so."""
    shown = table(bad, good, set())
    before = verdict_on(kind, scraped(shown))
    assume(before.verdict is Verdict.FAIL)
    assert before.worst_at is not None
    worst_at = round(before.worst_at.timestamp() - START)
    assume(worst_at >= LENGTH // 2)

    after = verdict_on(kind, scraped(shown, without=gone - ENDS - {worst_at, worst_at - LENGTH // 2}))

    assert after.verdict is not Verdict.PASS


@given(st.sampled_from(KINDS), events, good_events, st.integers(0, LENGTH - 1))
def test_a_beginning_alone_is_inconclusive(
    verdict_on: Verdicts, kind: str, bad: list[int], good: list[int], kept: int
) -> None:
    """Before enough of a window was watched there is no verdict, however good it looks."""
    found = verdict_on(kind, scraped(table(bad, good, set()), without=range(min(kept, 11), LENGTH)))

    assert found.verdict is Verdict.INCONCLUSIVE
