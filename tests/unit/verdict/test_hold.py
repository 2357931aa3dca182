from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.evidence.records import Interval, JudgedGate, Samples, Series, Verdict
from drills.runbook.load import load_runbook
from drills.runbook.model import Calendar, Hold
from drills.verdict.business_days import BusinessDays
from drills.verdict.hold import hold_from, judge_hold, samples_from

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BEGIN = NOW - timedelta(hours=4)
RUNBOOK = load_runbook().model_copy(update={"gates": load_runbook().gates[:1]})
CYCLE = "openagents_runtime_sync_parity_cycle"
STEP = 30


def samples(*, since: datetime, red: datetime | None = None, spared: tuple[int, int] = (0, 0)) -> Samples:
    """Return what an auditor counted until now; for an hour from ``red`` on, one in ten was a mismatch."""
    times = [since.timestamp() + STEP * n for n in range(int((NOW - since).total_seconds()) // STEP + 1)]
    sampled = [100.0 * n for n, _ in enumerate(times)]
    first = (red or NOW).timestamp()
    wrong = [10.0 * max(0, min(120, int((at - first) // STEP))) for at in times]
    kept = [index for index, _ in enumerate(times) if not spared[0] < index < spared[1]]
    series = (
        Series(
            metric=f"{CYCLE}_{name}_sum",
            times=tuple(times[index] for index in kept),
            values=tuple(values[index] for index in kept),
        )
        for name, values in (("sampled", sampled), ("mismatches", wrong))
    )
    return Samples(source="test", started_at=since, finished_at=NOW, interval_seconds=STEP, series=tuple(series))


def judge(found: Samples | None, disturbances: tuple[Interval, ...] = ()) -> JudgedGate:
    """Judge the mismatch rate over the last four hours."""
    (judged,) = judge_hold(RUNBOOK, found, settings={}, disturbances=disturbances, period=(BEGIN, NOW))
    return judged


def test_a_gate_that_was_green_for_the_whole_hold_passes() -> None:
    """Samples reach back a whole window before the hold, so that its first moment can be judged as well."""
    assert judge(samples(since=samples_from(RUNBOOK, BEGIN))).verdict is Verdict.PASS


def test_a_gate_that_was_red_in_the_middle_of_the_hold_fails() -> None:
    """Green now is not enough: the hold is judged at each of its points, not at its end."""
    judged = judge(samples(since=samples_from(RUNBOOK, BEGIN), red=BEGIN + timedelta(hours=1)))

    assert judged.verdict is Verdict.FAIL
    assert judged.observed == 0.0


def test_what_the_drill_itself_disturbed_is_left_out() -> None:
    """A drill on the target during the hold does not make a steady-state gate red."""
    begin = BEGIN + timedelta(hours=1)
    drill = Interval(started_at=begin, finished_at=begin + timedelta(hours=1, minutes=1), reason="drill")

    assert judge(samples(since=samples_from(RUNBOOK, BEGIN), red=begin), (drill,)).verdict is Verdict.PASS


@pytest.mark.parametrize("since", [BEGIN + timedelta(minutes=2), NOW - timedelta(hours=1)])
def test_watching_only_the_end_of_the_hold_is_not_enough(since: datetime) -> None:
    """Who began to watch when the hold had begun cannot say that it was green all the while."""
    judged = judge(samples(since=since))

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.reason.startswith("watched only since")


def test_a_hole_in_the_hold_is_not_green() -> None:
    """Half an hour without samples in mid-hold is INCONCLUSIVE."""
    assert judge(samples(since=samples_from(RUNBOOK, BEGIN), spared=(200, 260))).verdict is Verdict.INCONCLUSIVE


def test_no_samples_are_inconclusive() -> None:
    """A source that gave nothing passes nothing."""
    assert judge(None).verdict is Verdict.INCONCLUSIVE


def test_the_hold_is_at_least_one_window() -> None:
    """Where the runbook asks for no time in a stage, gates must still be green over their own window."""
    days = BusinessDays(Calendar())

    assert hold_from(RUNBOOK, Hold(), days, NOW) == NOW - timedelta(hours=1)
    assert hold_from(RUNBOOK, Hold(business_days=1), days, NOW) == NOW - timedelta(days=1)
    assert samples_from(RUNBOOK, BEGIN) == BEGIN - timedelta(hours=1)
