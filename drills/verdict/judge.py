"""Computes the whole record of a drill from its ledger: no browser, no network, no clock, no file.

The ledger's first fact holds the runbook, so that anyone with a ledger can compute every verdict again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from drills.evidence.drill_record import DrillRecord, JudgedArtefact, JudgedItem, JudgedRollback
from drills.evidence.records import (
    Artefact,
    CanaryPlanted,
    Disturbance,
    DrillFinished,
    Interval,
    JudgedGate,
    LedgerEntry,
    Recording,
    Restored,
    Samples,
    StageDecided,
    SwitchFlipped,
    Verdict,
)
from drills.runbook.model import Runbook
from drills.verdict.facts import Facts
from drills.verdict.gates import judge_gate
from drills.verdict.items import WORST_FIRST, judge_item, judge_required, worst
from drills.verdict.promotion import decide
from drills.verdict.recording import laid_out
from drills.verdict.risks import residual_risks
from drills.verdict.rollback import judge_rollback
from drills.verdict.timeline import timeline

#: A verdict that keeps the whole from passing, and why in words.
Reason = tuple[Verdict, str]
NO_LAST_WORD = DrillFinished(outcome="interrupted", reason="the ledger ends without a last word")


def judge(entries: Sequence[LedgerEntry]) -> DrillRecord:
    """Return the record of the drill that wrote ``entries``, also when it ended before its time.

    Raises:
        LedgerDamaged: the ledger does not begin with the fact that a drill started.
    """
    facts = Facts(entries)
    started = facts.started
    runbook = Runbook.model_validate(started.runbook)
    finished = facts.last(DrillFinished) or NO_LAST_WORD
    parts = _Parts.of(runbook, facts)
    reasons = sorted((*_end_reasons(finished, facts), *parts.reasons()), key=_severity)
    verdict = worst([Verdict.PASS, *(verdict for verdict, _ in reasons)])
    return DrillRecord(
        drill_id=started.drill_id,
        slug=started.slug,
        title=f"Staging drill: {runbook.title}",
        issue=started.issue,
        operator=started.operator,
        runbook=started.runbook,
        runbook_digest=started.runbook_digest,
        target=started.target,
        provenance=started.provenance,
        versions=started.versions,
        command=started.command,
        faults=started.faults,
        run_url=started.run_url,
        started_at=entries[0].at,
        finished_at=entries[-1].at,
        outcome=finished.outcome,
        outcome_reason=finished.reason,
        verdict=verdict,
        reasons=tuple(reason for _, reason in reasons),
        decision=decide(runbook, started, verdict, entries[-1].at),
        preconditions=parts.preconditions,
        checklist=parts.checklist,
        gates=parts.gates,
        rollback=parts.rollback,
        required_artefacts=parts.required,
        restored=facts.last(Restored),
        switches=facts.of(SwitchFlipped),
        disturbances=_disturbances(facts),
        artefacts=facts.of(Artefact),
        recordings=facts.of(Recording),
        canary=facts.last(CanaryPlanted),
        timeline=timeline(entries, parts.checklist),
        residual_risks=residual_risks(started, parts.checklist, parts.gates, _disturbances(facts)),
        samples=facts.last(Samples),
        decisions=facts.of(StageDecided),
        ledger_head=entries[-1].hash,
        ledger_entries=len(entries),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything that has a verdict of its own."""

    preconditions: tuple[JudgedItem, ...]
    checklist: tuple[JudgedItem, ...]
    gates: tuple[JudgedGate, ...]
    rollback: tuple[JudgedRollback, ...]
    required: tuple[JudgedArtefact, ...]

    @classmethod
    def of(cls, runbook: Runbook, facts: Facts) -> Self:
        checklist = tuple(judge_item(entry, facts) for entry in runbook.checklist)
        return cls(
            preconditions=tuple(judge_item(entry, facts) for entry in runbook.preconditions),
            checklist=checklist,
            gates=_gates(runbook, facts),
            rollback=judge_rollback(runbook, facts),
            required=tuple(judge_required(entry, facts, checklist) for entry in runbook.artefacts),
        )

    def reasons(self) -> Iterator[Reason]:
        yield from _part_reasons("precondition", self.preconditions)
        yield from _part_reasons("item", self.checklist)
        yield from _part_reasons("gate", self.gates)
        yield from _rollback_reasons(self.rollback)
        yield from _part_reasons("required artefact", self.required)


def _disturbances(facts: Facts) -> tuple[Interval, ...]:
    return tuple(fact.interval for fact in facts.of(Disturbance))


def _gates(runbook: Runbook, facts: Facts) -> tuple[JudgedGate, ...]:
    samples, started = facts.last(Samples), facts.entries[0].at
    recording = laid_out(samples) if samples else None
    period = (samples.started_at, samples.finished_at) if samples else (started, facts.entries[-1].at)
    target = facts.started.target
    return tuple(
        judge_gate(
            gate,
            recording,
            settings=target.settings,
            disturbances=_disturbances(facts),
            period=period,
            rehearsal_window_seconds=target.rehearsal_window_seconds,
        )
        for gate in runbook.gates
    )


def _severity(reason: Reason) -> int:
    return WORST_FIRST.index(reason[0])


def _part_reasons(kind: str, parts: Sequence[JudgedItem | JudgedGate | JudgedArtefact]) -> Iterator[Reason]:
    for part in parts:
        if part.verdict is not Verdict.PASS:
            yield part.verdict, f"{kind} {part.source} {part.id}: {part.verdict} - {part.reason}"


def _rollback_reasons(rollback: Sequence[JudgedRollback]) -> Iterator[Reason]:
    for part in rollback:
        if part.verdict is not Verdict.PASS:
            yield part.verdict, f"rollback of {part.subject}: {part.verdict} - {part.reason}"


def _end_reasons(finished: DrillFinished, facts: Facts) -> Iterator[Reason]:
    restored = facts.last(Restored)
    if finished.outcome == "interrupted":
        yield Verdict.INCONCLUSIVE, f"the drill was interrupted: {finished.reason}"
    if restored is None and facts.of(SwitchFlipped):
        yield Verdict.FAIL, "switches were flipped and nothing shows that they were restored"
    for switch in restored.switches if restored else ():
        if not switch.restored:
            yield Verdict.FAIL, f"switch {switch.switch} was not restored to {switch.baseline}: {switch.verified}"
    for problem in restored.problems if restored else ():
        yield Verdict.FAIL, f"restore: {problem}"
