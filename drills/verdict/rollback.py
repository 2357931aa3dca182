"""Times of rollback and recovery, read from the flips and from the traffic that proved their effect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from drills.evidence.drill_record import JudgedRollback
from drills.evidence.records import Lane, LaneProved, RuntimeRecovered, SwitchFlipped, Verdict
from drills.runbook.model import Runbook, Switch, SwitchKind
from drills.verdict.facts import Facts

#: The setting that holds the recovery-time objective, and what it is when the profile says nothing: an earlier
#: rehearsal of this programme was held to five minutes.
RECOVERY_SETTING, RECOVERY_SECONDS = "recovery-time-seconds", 300.0
#: The purposes of the two flips of an exercise.
ROLLBACK, RECOVERY = "rollback", "recovery"


def judge_rollback(runbook: Runbook, facts: Facts) -> tuple[JudgedRollback, ...]:
    """Return, for every switch of the rollback levels, how it was exercised and how long it took."""
    objective = facts.started.target.settings.get(RECOVERY_SETTING, RECOVERY_SECONDS)
    return tuple(
        _judge_switch(runbook.switch(switch), level.level, facts, objective)
        for level in runbook.rollback
        for switch in level.switches
    )


def _judge_switch(switch: Switch, level: int, facts: Facts, objective: float) -> JudgedRollback:
    flips = [flip for flip in facts.of(SwitchFlipped) if flip.switch == switch.id]
    off = next((flip for flip in flips if flip.purpose == ROLLBACK), None)
    on = next((flip for flip in flips if flip.purpose == RECOVERY), None)
    fallback = _first_after(off, _effects(switch, facts, new_lane=False))
    recovered = _first_after(on, _effects(switch, facts, new_lane=True))
    to_fallback = _seconds(off, fallback)
    to_recover = _seconds(on, recovered)
    verdict, reason = _verdict(off, to_fallback, to_recover, objective)
    return JudgedRollback(
        subject=switch.surface or switch.id,
        level=level,
        switch=switch.key,
        before=off.before if off else "",
        off_requested_at=off.requested_at if off else None,
        fallback_at=fallback,
        on_requested_at=on.requested_at if on else None,
        recovered_at=recovered,
        seconds_to_fallback=to_fallback,
        seconds_to_recover=to_recover,
        objective_seconds=objective,
        verdict=verdict,
        reason=reason,
    )


def _effects(switch: Switch, facts: Facts, *, new_lane: bool) -> Iterator[datetime]:
    """Yield when traffic showed that the switch had taken effect."""
    if switch.kind is SwitchKind.RUNTIME:
        state = "recovered" if new_lane else "stopped"
        runtime = facts.of(RuntimeRecovered)
        yield from (fact.observed_at for fact in runtime if fact.switch == switch.id and fact.state == state)
        return
    lane = Lane.KHALA if new_lane else Lane.LEGACY
    yield from (fact.proved_at for fact in facts.of(LaneProved) if fact.surface == switch.surface and fact.lane is lane)


def _first_after(flip: SwitchFlipped | None, moments: Iterator[datetime]) -> datetime | None:
    return next((moment for moment in moments if flip and moment >= flip.requested_at), None)


def _seconds(flip: SwitchFlipped | None, effect: datetime | None) -> float | None:
    return round((effect - flip.requested_at).total_seconds(), 3) if flip and effect else None


def _verdict(
    off: SwitchFlipped | None, to_fallback: float | None, to_recover: float | None, objective: float
) -> tuple[Verdict, str]:
    if off is None:
        return Verdict.NOT_RUN, "it was not rolled back"
    if to_fallback is None:
        return Verdict.FAIL, "it was switched off and the old lane was never proved"
    if to_recover is None:
        return Verdict.FAIL, "it fell back and its recovery was never proved"
    slowest = max(to_fallback, to_recover)
    if slowest > objective:
        return Verdict.FAIL, f"it took {slowest:.1f} s, the objective is {objective:g} s"
    return Verdict.PASS, f"back in {to_fallback:.1f} s, recovered in {to_recover:.1f} s, within {objective:g} s"
