"""Whether the rollout may move to a stage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from drills.evidence.records import Decision, DrillStarted, Verdict
from drills.runbook.model import Runbook


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


def _against(started: DrillStarted, verdict: Verdict) -> Iterator[str]:
    if verdict is not Verdict.PASS:
        yield f"the drill is {verdict}, a stage needs PASS"
    if started.target.environment == "embedded":
        yield "the embedded staging was drilled, which says nothing of a real environment"
    if started.target.rehearsal_window_seconds is not None:
        yield "this is a rehearsal: its gate windows are shorter than the runbook's"
    if started.faults:
        yield f"faults were injected: {', '.join(started.faults)}"
