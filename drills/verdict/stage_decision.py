"""Whether the rollout may leave one stage for the next, from everything that is known of it."""

from __future__ import annotations

from datetime import datetime

from drills.evidence.records import RollbackStep, StageDecided, Verdict
from drills.verdict.case import StageCase
from drills.verdict.drill_requirements import drill_requirements
from drills.verdict.items import worst
from drills.verdict.promotion import value_of
from drills.verdict.stage_requirements import stage_requirements


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
