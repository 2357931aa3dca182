"""What one drill alone says of the first stage, and what a decision's own requirements say of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from drills.evidence.drill_record import Decision
from drills.evidence.records import DrillStarted, StageDecided, Verdict
from drills.runbook.model import Runbook
from drills.verdict.items import worst


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


def value_of(verdict: Verdict) -> Literal["GO", "NO-GO"]:
    """Return the decision that the worst verdict of all requirements allows."""
    return "GO" if verdict is Verdict.PASS else "NO-GO"


def follows(decided: StageDecided) -> bool:
    """Say whether a recorded decision is what its own requirements and gates give."""
    required = {one.id: one.verdict for one in decided.requirements}
    verdict = worst(required.values())
    gates = all(required.get(f"gate-{gate.id}") is gate.verdict for gate in decided.gates)
    return (decided.verdict, decided.value, gates) == (verdict, value_of(verdict), True)


def _against(started: DrillStarted, verdict: Verdict) -> Iterator[str]:
    if verdict is not Verdict.PASS:
        yield f"the drill is {verdict}, a stage needs PASS"
    if started.target.environment == "embedded":
        yield "the embedded staging was drilled, which says nothing of a real environment"
    if started.target.rehearsal_window_seconds is not None:
        yield "this is a rehearsal: its gate windows are shorter than the runbook's"
    if started.faults:
        yield f"faults were injected: {', '.join(started.faults)}"
