"""What the newest drill must show before a stage is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from drills.evidence.drill_record import JudgedItem, JudgedRollback
from drills.evidence.records import Requirement, TargetFacts, Verdict
from drills.runbook.model import Precondition, Runbook, Switch
from drills.verdict.case import PublishedDrill, StageCase
from drills.verdict.obstacles import clock
from drills.verdict.rollback import RECOVERY_SECONDS, RECOVERY_SETTING
from drills.verdict.stage_requirements import describe_span

#: The index of published drills.
INDEX = "README.md"
NO_DRILL = "there is no drill to read it from"
DRILL_AGAIN = "drill again, until the drill passes"
DRILL_IN_FULL = "drill a real environment with this runbook, on full windows, without faults"
FETCH = "fetch the published evidence again, or drill again"


def drill_requirements(case: StageCase, now: datetime) -> Iterator[Requirement]:
    """Yield what is required of the newest drill and of what it published."""
    yield _complete(case)
    yield _passed(case)
    yield _age(case, now)
    yield _kind(case)
    yield from (_precondition(case, entry) for entry in case.runbook.preconditions)
    yield from (_rollback(case, switch) for switch in _exercised(case.runbook))
    yield _verified(case)


def _complete(case: StageCase) -> Requirement:
    wrong = [f"drill {drill_id}, on which an earlier decision rested, is gone" for drill_id in case.missing]
    wrong += [f"{name} cannot be read" for name in case.unread]
    return Requirement(
        id="evidence-complete",
        title="All published drills are there and can be read",
        verdict=Verdict.FAIL if case.missing else Verdict.INCONCLUSIVE if case.unread else Verdict.PASS,
        reason="; ".join(wrong) or "none is missing",
        evidence=(INDEX,),
        remedy=FETCH if wrong else "",
    )


def _passed(case: StageCase) -> Requirement:
    says = partial(Requirement, id="drill", title="The newest drill passed")
    if case.drill is None:
        reason = f"there is no drill that counts for {case.target.name}"
        return says(verdict=Verdict.NOT_RUN, reason=reason, remedy=DRILL_AGAIN)
    record = case.drill.record
    return says(
        verdict=record.verdict,
        reason="; ".join(record.reasons) or f"drill {record.drill_id} passed",
        evidence=(case.drill.report,),
        remedy=_drill_again(record.verdict),
    )


def _age(case: StageCase, now: datetime) -> Requirement:
    limit = timedelta(seconds=case.runbook.drill_maximum_age_seconds)
    says = partial(Requirement, id="drill-age", title=f"The newest drill is not older than {describe_span(limit)}")
    if case.drill is None:
        return says(verdict=Verdict.NOT_RUN, reason=NO_DRILL, remedy=DRILL_AGAIN)
    ended = case.drill.record.finished_at
    age = now - ended
    verdict = Verdict.PASS if timedelta(0) <= age <= limit else Verdict.FAIL
    ago = "in the future" if age < timedelta(0) else f"{describe_span(age)} ago"
    return says(
        verdict=verdict,
        reason=f"it ended at {clock(ended.timestamp())}, {ago}",
        evidence=(case.drill.report,),
        remedy=_drill_again(verdict),
    )


def _kind(case: StageCase) -> Requirement:
    says = partial(Requirement, id="drill-kind", title="The newest drill was a full drill by this runbook")
    if case.drill is None:
        return says(verdict=Verdict.NOT_RUN, reason=NO_DRILL, remedy=DRILL_AGAIN)
    against = tuple(_shortcomings(case.drill, case.runbook))
    return says(
        verdict=Verdict.FAIL if against else Verdict.PASS,
        reason="; ".join(against) or "a real environment, full windows, no faults injected",
        evidence=(case.drill.report,),
        remedy=DRILL_IN_FULL if against else "",
    )


def _shortcomings(drill: PublishedDrill, runbook: Runbook) -> Iterator[str]:
    record = drill.record
    if record.target.environment == "embedded":
        yield "the embedded staging was drilled"
    if record.target.rehearsal_window_seconds is not None:
        yield f"it was a rehearsal, with windows of {record.target.rehearsal_window_seconds} s"
    if record.faults:
        yield f"faults were injected: {', '.join(record.faults)}"
    if Runbook.model_validate(record.runbook) != runbook:
        yield "it followed another version of the runbook"


def _precondition(case: StageCase, entry: Precondition) -> Requirement:
    title = f"Precondition: {entry.title}"
    says = partial(Requirement, id=f"precondition-{entry.id}", title=title, source=entry.source)
    seen = _item(case.drill, entry.id)
    if case.drill is None or seen is None:
        reason = "the drill did not try it" if case.drill else NO_DRILL
        return says(verdict=Verdict.NOT_RUN, reason=reason, remedy=DRILL_AGAIN)
    return says(
        verdict=seen.verdict,
        reason=seen.reason,
        evidence=(f"{case.drill.report}#preconditions",),
        remedy=_drill_again(seen.verdict),
    )


def _rollback(case: StageCase, switch: Switch) -> Requirement:
    subject = switch.surface or switch.id
    title = f"Rollback of {subject} was exercised in time"
    says = partial(Requirement, id=f"rollback-{switch.id}", title=title, source=switch.source)
    seen = _exercise(case.drill, subject)
    if case.drill is None or seen is None:
        reason = "the drill did not exercise it" if case.drill else NO_DRILL
        return says(verdict=Verdict.NOT_RUN, reason=reason, remedy=DRILL_AGAIN)
    verdict, late = _in_time(seen, case.target)
    return says(
        verdict=verdict,
        reason=f"{seen.reason}{late}",
        evidence=(f"{case.drill.report}#rollback",),
        remedy=_drill_again(verdict),
    )


def _in_time(seen: JudgedRollback, target: TargetFacts) -> tuple[Verdict, str]:
    """Return the verdict on a rollback by the stricter of the drill's objective and today's, and what today's adds."""
    objective = min(seen.objective_seconds, target.settings.get(RECOVERY_SETTING, RECOVERY_SECONDS))
    times = (seen.seconds_to_fallback, seen.seconds_to_recover)
    if seen.verdict is not Verdict.PASS or all(seconds is not None and seconds <= objective for seconds in times):
        return seen.verdict, ""
    return Verdict.FAIL, f"; the objective is {objective:g} s now"


def _verified(case: StageCase) -> Requirement:
    says = partial(Requirement, id="artefacts", title="The evidence of the newest drill is as it was published")
    if case.drill is None:
        return says(verdict=Verdict.NOT_RUN, reason=NO_DRILL, remedy=DRILL_AGAIN)
    broken = case.drill.deviation
    return says(
        verdict=Verdict.FAIL if broken else Verdict.PASS,
        reason=broken or "digests, the ledger's chain, every verdict and the report were computed again",
        evidence=(f"{case.drill.report.removesuffix('.md')}/manifest.json",),
        remedy=FETCH if broken else "",
    )


def _exercised(runbook: Runbook) -> Iterator[Switch]:
    """Yield every switch that a rollback level puts back."""
    for level in runbook.rollback:
        yield from (runbook.switch(switch) for switch in level.switches)


def _item(drill: PublishedDrill | None, item_id: str) -> JudgedItem | None:
    return next((item for item in drill.record.preconditions if item.id == item_id), None) if drill else None


def _exercise(drill: PublishedDrill | None, subject: str) -> JudgedRollback | None:
    return next((one for one in drill.record.rollback if one.subject == subject), None) if drill else None


def _drill_again(verdict: Verdict) -> str:
    return "" if verdict is Verdict.PASS else DRILL_AGAIN
