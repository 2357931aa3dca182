"""Whether the rollout may move to a stage: what one drill says of the first, and what a whole case says of the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from drills.evidence.records import Decision, DrillStarted, RollbackStep, StageDecided, Verdict
from drills.runbook.model import Runbook
from drills.verdict.case import StageCase
from drills.verdict.drill_requirements import drill_requirements
from drills.verdict.items import worst
from drills.verdict.stage_requirements import stage_requirements


def decide(runbook: Runbook, started: DrillStarted, verdict: Verdict, at: datetime) -> Decision:
    """Return the decision that one drill alone supports: for the first stage, with every reason against it."""
    against = tuple(_against(started, verdict))
    stage = runbook.stages[0]
    return Decision(
        value="NO-GO" if against else "GO",
        stage=stage.title,
        reasons=against or ("the drill passed on full windows, with every switch restored",),
        owner=started.operator,
        decided_at=at,
    )


def decide_stage(case: StageCase, now: datetime) -> StageDecided:
    """Return the decision on ``case``, made at ``now``: GO only if every single requirement is PASS."""
    required = (*stage_requirements(case, now), *drill_requirements(case, now))
    verdict = worst(one.verdict for one in required)
    return StageDecided(
        runbook=case.runbook.id,
        runbook_digest=case.runbook_digest,
        target=case.target.name,
        environment=case.target.environment,
        from_stage=case.origin.id,
        to_stage=case.destination.id,
        from_title=case.origin.title,
        to_title=case.destination.title,
        value=value_of(verdict),
        verdict=verdict,
        requirements=required,
        gates=case.gates.judged,
        hold_from=case.gates.begin,
        calendar=case.days.describe(),
        stage_began_at=case.began.at if case.began else None,
        stage_began_by=case.began.by if case.began else "",
        drill_id=case.drill.record.drill_id if case.drill else None,
        samples_source=case.gates.source,
        samples_digest=case.gates.digest,
        rollback=_rollback(case),
        operator=case.operator,
        decided_at=now,
    )


def value_of(verdict: Verdict) -> Literal["GO", "NO-GO"]:
    """Return the decision that the worst verdict of all requirements allows."""
    return "GO" if verdict is Verdict.PASS else "NO-GO"


def follows(decided: StageDecided) -> bool:
    """Say whether a recorded decision is what its own requirements and gates give."""
    required = {one.id: one.verdict for one in decided.requirements}
    verdict = worst(required.values())
    gates = all(required.get(f"gate-{gate.id}") is gate.verdict for gate in decided.gates)
    return (decided.verdict, decided.value, gates) == (verdict, value_of(verdict), True)


def _rollback(case: StageCase) -> RollbackStep | None:
    """Return the smallest rollback where a gate that was green, in the last decision or the drill, turned red."""
    earlier = (*(case.last.gates if case.last else ()), *(case.drill.record.gates if case.drill else ()))
    green = {gate.id for gate in earlier if gate.verdict is Verdict.PASS}
    red = tuple(gate.title for gate in case.gates.judged if gate.verdict is Verdict.FAIL and gate.id in green)
    levels = sorted((level for level in case.runbook.rollback if level.switches), key=lambda level: level.level)
    if not red or not levels:
        return None
    switches = map(case.runbook.switch, levels[0].switches)
    return RollbackStep(
        level=levels[0].level,
        title=levels[0].title,
        source=levels[0].source,
        settings=tuple(f"{switch.key}={switch.old_lane}" for switch in switches),
        because=red,
    )


def _against(started: DrillStarted, verdict: Verdict) -> Iterator[str]:
    if verdict is not Verdict.PASS:
        yield f"the drill is {verdict}, a stage needs PASS"
    if started.target.environment == "embedded":
        yield "the embedded staging was drilled, which says nothing of a real environment"
    if started.target.rehearsal_window_seconds is not None:
        yield "this is a rehearsal: its gate windows are shorter than the runbook's"
    if started.faults:
        yield f"faults were injected: {', '.join(started.faults)}"
