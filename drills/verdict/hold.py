"""The gates of a stage, held over the whole time for which they must have been green."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from drills.evidence.records import Interval, JudgedGate, Samples, Verdict
from drills.runbook.model import Gate, Hold, Runbook
from drills.verdict.business_days import BusinessDays
from drills.verdict.gates import judge_gate
from drills.verdict.obstacles import clock, unusable
from drills.verdict.view import view


def hold_from(runbook: Runbook, hold: Hold, days: BusinessDays, now: datetime) -> datetime:
    """Return since when gates must have been green: for the hold, and at least for the longest window of a gate."""
    return min(days.begin(now, hold), now - _longest_window(runbook))


def samples_from(runbook: Runbook, begin: datetime) -> datetime:
    """Return since when samples are needed, so that a whole window lies behind the first moment of the hold."""
    return begin - _longest_window(runbook)


def judge_hold(
    runbook: Runbook,
    samples: Samples | None,
    *,
    settings: Mapping[str, float],
    disturbances: Sequence[Interval],
    period: tuple[datetime, datetime],
) -> tuple[JudgedGate, ...]:
    """Return the verdict on every gate over ``period``, on the runbook's own windows.

    What began to be watched only after the period had begun is INCONCLUSIVE, however green it has been since.
    """
    return tuple(_judge(gate, samples, settings, disturbances, period) for gate in runbook.gates)


def _judge(
    gate: Gate,
    samples: Samples | None,
    settings: Mapping[str, float],
    disturbances: Sequence[Interval],
    period: tuple[datetime, datetime],
) -> JudgedGate:
    judged = judge_gate(
        gate,
        samples,
        settings=settings,
        disturbances=disturbances,
        period=period,
        rehearsal_window_seconds=None,
    )
    if judged.verdict is not Verdict.PASS:
        return judged
    late = _unwatched(gate, samples, disturbances, period[0].timestamp())
    return judged.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "reason": late}) if late else judged


def _unwatched(gate: Gate, samples: Samples | None, disturbances: Sequence[Interval], begin: float) -> str:
    """Say that nothing was read when the hold began; empty when something was."""
    if samples is None or unusable(samples):
        return "no samples were taken"
    seen = view(gate, samples, window=float(gate.window_seconds), disturbances=disturbances)
    if len(seen.moments) and seen.moments[0] <= begin + seen.gap:
        return ""
    first = clock(float(seen.moments[0])) if len(seen.moments) else "nothing"
    return f"watched only since {first}; it must have been green since {clock(begin)}"


def _longest_window(runbook: Runbook) -> timedelta:
    return timedelta(seconds=max((gate.window_seconds for gate in runbook.gates), default=0))
