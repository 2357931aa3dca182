"""``drill promote``: gathers what a stage decision rests on, has it decided, and records the decision."""

from __future__ import annotations

import getpass
import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drills.canonical import digest
from drills.clock import Clock
from drills.errors import ConfigurationError
from drills.evidence.decisions import Recorded, read_decisions, record_decision
from drills.evidence.records import TargetFacts
from drills.evidence.redaction import Redactor
from drills.plugin.course import Course, chart
from drills.plugin.publishing import write_index
from drills.report.decisions import anchor
from drills.restore.state import PRIVATE, StateFolder
from drills.rollout.samples import samples_of
from drills.rollout.shelf import Shelf
from drills.runbook.model import Runbook, Stage
from drills.target.environment import target_facts
from drills.verdict.business_days import BusinessDays
from drills.verdict.case import Began, Gates, StageCase
from drills.verdict.gates import metrics_of
from drills.verdict.hold import hold_from, judge_hold, samples_from
from drills.verdict.stage_decision import decide_stage

EMBEDDED = TargetFacts(name="embedded", environment="embedded")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: may ``target`` leave stage ``origin`` for ``destination``? ``since`` is when it began there."""

    target: str
    origin: str
    destination: str
    out: Path
    runbook: str | None = None
    since: datetime | None = None
    operator: str | None = None


def promote(question: Question, state: StateFolder, clock: Clock) -> Recorded:
    """Answer ``question``, record the answer beside the reports, and bring the index up to date.

    Nothing of the target is touched: its metrics are read.

    Raises:
        ConfigurationError: the step is not one of the runbook, or something in the profile is wrong.
        EvidenceError: the log of decisions is damaged, or the decision cannot be recorded.
    """
    course = chart(question.target, question.runbook, allow_production=True)
    origin, destination = step(course.runbook, question.origin, question.destination)
    redactor = Redactor()
    decided = decide_stage(_case(question, course, (origin, destination), clock, redactor), clock.now())
    recorded = record_decision(question.out, decided, _lock(state, question.out), clock, redactor)
    write_index(question.out)
    return recorded


def step(runbook: Runbook, origin: str, destination: str) -> tuple[Stage, Stage]:
    """Return the two stages; they may be named by id, or by their letter.

    Raises:
        ConfigurationError: a stage is unknown, or the second does not come right after the first.
    """
    places = [_place(runbook.stages, name) for name in (origin, destination)]
    if places[1] != places[0] + 1:
        raise ConfigurationError(
            f"{runbook.stages[places[0]].title} does not lead to {runbook.stages[places[1]].title}",
            remedy=f"one step at a time, in the runbook's order: {' → '.join(stage.id for stage in runbook.stages)}",
        )
    return runbook.stages[places[0]], runbook.stages[places[1]]


def _place(stages: Sequence[Stage], name: str) -> int:
    for place, stage in enumerate(stages):
        if name.lower() in {stage.id, stage.id.removeprefix("stage-")}:
            return place
    raise ConfigurationError(
        f"the runbook has no stage {name!r}", remedy=f"name one of {', '.join(stage.id for stage in stages)}"
    )


def _case(
    question: Question, course: Course, stages: tuple[Stage, Stage], clock: Clock, redactor: Redactor
) -> StageCase:
    runbook, profile = course.runbook, course.profile
    origin, destination = stages
    shelf = Shelf.of(question.out)
    target = target_facts(profile) if profile else _embedded(shelf, runbook)
    log = [
        entry
        for entry in read_decisions(question.out)
        if (entry.decided.runbook, entry.decided.target) == (runbook.id, target.name)
    ]
    went = [entry for entry in log if entry.decided.value == "GO"]
    days = BusinessDays((profile.calendar if profile else None) or runbook.calendar)
    return StageCase(
        runbook=runbook,
        runbook_digest=digest(runbook.model_dump(mode="json")),
        target=target,
        origin=origin,
        destination=destination,
        days=days,
        gates=_gates(course, origin, target, shelf, days, clock, redactor),
        began=_began(question, went, origin),
        drill=shelf.newest(runbook.id, target),
        unread=shelf.unread,
        missing=shelf.without(entry.decided.drill_id for entry in log if entry.decided.drill_id),
        last=log[-1].decided if log else None,
        reached=went[-1].decided.to_title if went else None,
        operator=question.operator or (profile.operator if profile else "") or _whoever(),
    )


def _embedded(shelf: Shelf, runbook: Runbook) -> TargetFacts:
    """Return what the newest drill of the embedded staging says of it: it is not up, and has no profile of its own."""
    newest = shelf.newest(runbook.id, EMBEDDED)
    return newest.record.target if newest else EMBEDDED


def _began(question: Question, went: Sequence[Recorded], origin: Stage) -> Began | None:
    """Return when the stage began: the later of the newest GO that led to it and of what was said with ``--since``.

    What was said does not count against a newer GO that led elsewhere.
    """
    last = went[-1] if went else None
    here = last is not None and last.decided.to_stage == origin.id
    known = []
    if question.since and (last is None or here or question.since > last.decided.decided_at):
        known.append(Began(question.since, "said with --since"))
    if last and here:
        known.append(Began(last.decided.decided_at, f"decision {last.number} was GO", anchor(last.decided)))
    return max(known, key=lambda began: began.at, default=None)


def _gates(
    course: Course,
    origin: Stage,
    target: TargetFacts,
    shelf: Shelf,
    days: BusinessDays,
    clock: Clock,
    redactor: Redactor,
) -> Gates:
    runbook, now = course.runbook, clock.now()
    begin = hold_from(runbook, origin.hold, days, now)
    first = samples_from(runbook, begin)
    metrics = frozenset(name for gate in runbook.gates for name in metrics_of(gate))
    held = samples_of(course.profile, metrics, (first, now), clock, redactor)
    return Gates(
        begin=begin,
        source=held.source,
        digest=digest(held.samples.model_dump(mode="json")) if held.samples else None,
        judged=judge_hold(
            runbook,
            held.samples,
            settings=target.settings,
            disturbances=shelf.disturbances(target, first, now),
            period=(begin, now),
        ),
        problem=held.problem,
    )


def _lock(state: StateFolder, out: Path) -> Path:
    """Return a private file that guards the log in ``out``: beside the log it would have to be published."""
    state.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    return state.root / f"decisions-{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}.lock"


def _whoever() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
