"""What the stage itself must show before it is left: where the rollout is, for how long, and gates that stay green."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from drills.evidence.records import JudgedGate, Requirement, Verdict
from drills.runbook.model import Gate, Hold
from drills.verdict.case import StageCase
from drills.verdict.obstacles import clock

#: The log of decisions, beside the reports: each decision holds its gates with all their figures.
DECISIONS = "decisions.jsonl"
SAY_SINCE = "say with --since when it began, if the rollout is in this stage"
KEEP_GREEN = "keep it green for as long as the hold asks, then ask again"
NAME_SETTING = "give the target profile the setting that is named"
GIVE_SAMPLES = "give samples that cover the whole hold, from a source that remembers it"


def stage_requirements(case: StageCase, now: datetime) -> Iterator[Requirement]:
    """Yield what is required of the target, the stage, its hold and its gates."""
    yield _environment(case)
    yield _stage(case)
    yield _hold(case, now)
    yield from (_gate(case, gate) for gate in case.runbook.gates)


def _environment(case: StageCase) -> Requirement:
    against = []
    if case.target.environment == "embedded":
        against.append("the embedded staging says nothing of a real environment")
    if window := case.target.rehearsal_window_seconds:
        against.append(f"it is set up for rehearsals, whose windows of {window} s are shorter than the runbook's")
    return Requirement(
        id="environment",
        title="The target is a real environment, judged on the runbook's windows",
        verdict=Verdict.FAIL if against else Verdict.PASS,
        reason="; ".join(against) or f"{case.target.name} is {case.target.environment}",
        evidence=(DECISIONS,),
        remedy="name the profile of a real environment, without a section [rehearsal]" if against else "",
    )


def _stage(case: StageCase) -> Requirement:
    says = partial(
        Requirement,
        id="stage",
        title=f"The rollout is in {case.origin.title}",
        source=case.origin.source,
        evidence=_since(case),
    )
    if case.began is not None:
        since = f"since {clock(case.began.at.timestamp())}: {case.began.by}"
        return says(verdict=Verdict.PASS, reason=since)
    if case.reached:
        return says(verdict=Verdict.FAIL, reason=f"the newest GO led to {case.reached}", remedy=SAY_SINCE)
    if case.origin == case.runbook.stages[0]:
        return says(verdict=Verdict.PASS, reason="it is the first stage, and no decision has led to a later one")
    return says(verdict=Verdict.INCONCLUSIVE, reason="nothing recorded says so", remedy=SAY_SINCE)


def _hold(case: StageCase, now: datetime) -> Requirement:
    hold, began = case.origin.hold, case.began
    title = f"{case.origin.title} was held for {describe_hold(hold)}"
    says = partial(Requirement, id="hold", title=title, source=case.origin.source, evidence=_since(case))
    if hold == Hold():
        return says(verdict=Verdict.PASS, reason="the runbook asks for green gates, and for no time in this stage")
    if began is None:
        reason = "it is not known when the stage began"
        return says(verdict=Verdict.INCONCLUSIVE, reason=reason, remedy=SAY_SINCE)
    over = case.days.end(began.at, hold)
    held = began.at <= over <= now
    when = clock(over.timestamp())
    return says(
        verdict=Verdict.PASS if held else Verdict.FAIL,
        reason=f"it {'was' if held else 'will be'} over at {when} ({case.days.describe()})",
        remedy="" if held else f"ask again after {when}",
    )


def _gate(case: StageCase, gate: Gate) -> Requirement:
    judged = next((one for one in case.gates.judged if one.id == gate.id), None)
    reason = judged.reason if judged else "it was not judged"
    return Requirement(
        id=f"gate-{gate.id}",
        title=f"Gate: {gate.title}",
        source=gate.source,
        verdict=judged.verdict if judged else Verdict.NOT_RUN,
        reason=f"{reason} ({case.gates.problem})" if case.gates.problem else reason,
        evidence=(DECISIONS, *([case.gates.source] if _is_address(case.gates.source) else [])),
        remedy=_gate_remedy(judged),
    )


def _since(case: StageCase) -> tuple[str, ...]:
    return (case.began.evidence or DECISIONS,) if case.began else (DECISIONS,)


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _gate_remedy(judged: JudgedGate | None) -> str:
    if judged is None:
        return GIVE_SAMPLES
    if judged.verdict is Verdict.PASS:
        return ""
    if judged.verdict is Verdict.FAIL:
        return KEEP_GREEN
    return NAME_SETTING if judged.threshold is None else GIVE_SAMPLES


def describe_hold(hold: Hold) -> str:
    """Return a hold in words."""
    parts = []
    if hold.business_days:
        parts.append(f"{hold.business_days} business day{'s' if hold.business_days > 1 else ''}")
    if hold.seconds:
        parts.append(describe_span(timedelta(seconds=hold.seconds)))
    return " and ".join(parts) or "no set time"


def describe_span(span: timedelta) -> str:
    """Return a span of time in the largest unit of which it holds two or more."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
