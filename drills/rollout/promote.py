"""``drill promote``: gathers what a stage decision rests on, has it decided, and records the decision."""

from __future__ import annotations

import getpass
import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from drills.canonical import digest
from drills.clock import Clock
from drills.errors import ConfigurationError
from drills.evidence.decisions import Recorded, record_decision
from drills.evidence.records import TargetFacts
from drills.evidence.redaction import Redactor
from drills.plugin.drill_plan import plan_drill
from drills.plugin.publishing import decisions_of, write_index
from drills.report.decisions import anchor
from drills.restore.state import PRIVATE, StateFolder
from drills.rollout.published import PublishedDrills
from drills.rollout.samples import samples_of
from drills.runbook.model import Runbook, Stage
from drills.target.environment import target_facts
from drills.target.profile import Profile
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
    redactor = Redactor()
    inquiry = _Inquiry.begin(question, clock, redactor)
    decided = decide_stage(inquiry.case(*step(inquiry.runbook, question.origin, question.destination)), inquiry.now)
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


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """A question, and everything that is at hand to answer it. ``log`` holds the decisions on this target."""

    question: Question
    runbook: Runbook
    profile: Profile | None
    target: TargetFacts
    published: PublishedDrills
    log: tuple[Recorded, ...]
    now: datetime
    clock: Clock
    redactor: Redactor

    @classmethod
    def begin(cls, question: Question, clock: Clock, redactor: Redactor) -> Self:
        """Read the profile, the runbook, what was published, and what was decided."""
        plan = plan_drill(question.target, question.runbook, allow_production=True)
        published = PublishedDrills.of(question.out)
        target = target_facts(plan.profile) if plan.profile else _embedded(published, plan.runbook)
        here = (plan.runbook.id, target.name)
        log = tuple(one for one in decisions_of(question.out) if (one.decided.runbook, one.decided.target) == here)
        return cls(question, plan.runbook, plan.profile, target, published, log, clock.now(), clock, redactor)

    @property
    def went(self) -> Recorded | None:
        """The newest decision that was GO."""
        return next((one for one in reversed(self.log) if one.decided.value == "GO"), None)

    def case(self, origin: Stage, destination: Stage) -> StageCase:
        """Return what the decision is made from; the source of metrics is asked now."""
        days = BusinessDays((self.profile.calendar if self.profile else None) or self.runbook.calendar)
        named = self.question.operator or (self.profile.operator if self.profile else "")
        return StageCase(
            runbook=self.runbook,
            runbook_digest=digest(self.runbook.model_dump(mode="json")),
            target=self.target,
            origin=origin,
            destination=destination,
            days=days,
            gates=self._gates(origin, days),
            began=self._began(origin),
            drill=self.published.newest(self.runbook.id, self.target),
            unread=self.published.unread,
            missing=self.published.without(one.decided.drill_id for one in self.log if one.decided.drill_id),
            last=self.log[-1].decided if self.log else None,
            reached=self.went.decided.to_title if self.went else None,
            operator=named or f"{getpass.getuser()}@{socket.gethostname()}",
        )

    def _began(self, origin: Stage) -> Began | None:
        """Return when the stage began: the later of the newest GO that led to it and of what was said with --since.

        What was said does not stand against a newer GO that led elsewhere.
        """
        went, since = self.went, self.question.since
        here = went is not None and went.decided.to_stage == origin.id
        known = []
        if since and (went is None or here or since > went.decided.decided_at):
            known.append(Began(since, "said with --since"))
        if went and here:
            known.append(Began(went.decided.decided_at, f"decision {went.number} was GO", anchor(went.decided)))
        return max(known, key=lambda began: began.at, default=None)

    def _gates(self, origin: Stage, days: BusinessDays) -> Gates:
        begin = hold_from(self.runbook, origin.hold, days, self.now)
        first = samples_from(self.runbook, begin)
        metrics = frozenset(name for gate in self.runbook.gates for name in metrics_of(gate))
        held = samples_of(self.profile, metrics, (first, self.now), self.clock, self.redactor)
        judged = judge_hold(
            self.runbook,
            held.samples,
            settings=self.target.settings,
            disturbances=self.published.disturbances(self.target, first, self.now),
            period=(begin, self.now),
        )
        seal = digest(held.samples.model_dump(mode="json")) if held.samples else None
        return Gates(begin=begin, source=held.source, digest=seal, judged=judged, problem=held.problem)


def _embedded(published: PublishedDrills, runbook: Runbook) -> TargetFacts:
    """Return what the newest drill of the embedded staging says of it: it is not up, and has no profile of its own."""
    newest = published.newest(runbook.id, EMBEDDED)
    return newest.record.target if newest else EMBEDDED


def _lock(state: StateFolder, out: Path) -> Path:
    """Return a private file that guards the log in ``out``: beside the log it would have to be published."""
    state.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    return state.root / f"decisions-{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}.lock"
