"""The record of a drill (``drill.json``): what is computed from the facts of its ledger.

Times are aware datetimes in UTC, durations seconds, sizes bytes. ``None`` and NaN mean *not observed*.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from drills.evidence.records import (
    Artefact,
    CanaryPlanted,
    Check,
    Frozen,
    Interval,
    JudgedGate,
    Observation,
    Provenance,
    Recording,
    Restored,
    Samples,
    StageDecided,
    SwitchFlipped,
    TargetFacts,
    Verdict,
)

SCHEMA_VERSION = 1


class JudgedCheck(Check):
    """A check with its verdict and when it was made."""

    verdict: Verdict
    at: datetime


class JudgedItem(Frozen):
    """A precondition or checklist item: the worst of its checks, or why there are none."""

    id: str
    title: str
    source: str
    verdict: Verdict
    reason: str
    seconds: float | None = None
    checks: tuple[JudgedCheck, ...] = ()
    observations: tuple[Observation, ...] = ()


class JudgedRollback(Frozen):
    """One surface (or the runtime) rolled back and recovered. Times are None for what was not seen."""

    subject: str
    level: int
    switch: str
    before: str
    off_requested_at: datetime | None = None
    fallback_at: datetime | None = None
    on_requested_at: datetime | None = None
    recovered_at: datetime | None = None
    seconds_to_fallback: float | None = None
    seconds_to_recover: float | None = None
    objective_seconds: float
    verdict: Verdict
    reason: str


class JudgedArtefact(Frozen):
    """A required artefact: how many pieces were found, and which."""

    id: str
    title: str
    source: str
    verdict: Verdict
    reason: str
    artefacts: tuple[str, ...] = ()


class Moment(Frozen):
    """One line of the timeline."""

    at: datetime
    kind: str
    text: str


class Decision(Frozen):
    """Whether the rollout may move to ``stage``, with every reason."""

    value: Literal["GO", "NO-GO"]
    stage: str
    reasons: tuple[str, ...]
    owner: str
    decided_at: datetime


class DrillRecord(Frozen):
    """Everything a reviewer reads, computed from the ledger alone. Written as ``drill.json``."""

    schema_version: Literal[1] = 1
    drill_id: str
    slug: str
    title: str
    issue: str
    operator: str
    runbook: JsonValue
    runbook_digest: str
    target: TargetFacts
    provenance: Provenance
    versions: dict[str, str]
    command: str
    faults: tuple[str, ...]
    run_url: str | None = None
    started_at: datetime
    finished_at: datetime
    outcome: Literal["completed", "interrupted"]
    outcome_reason: str
    verdict: Verdict
    reasons: tuple[str, ...]
    decision: Decision
    preconditions: tuple[JudgedItem, ...]
    checklist: tuple[JudgedItem, ...]
    gates: tuple[JudgedGate, ...]
    rollback: tuple[JudgedRollback, ...]
    required_artefacts: tuple[JudgedArtefact, ...]
    restored: Restored | None
    switches: tuple[SwitchFlipped, ...]
    disturbances: tuple[Interval, ...]
    artefacts: tuple[Artefact, ...]
    recordings: tuple[Recording, ...] = ()
    canary: CanaryPlanted | None = None
    timeline: tuple[Moment, ...]
    residual_risks: tuple[str, ...]
    samples: Samples | None
    decisions: tuple[StageDecided, ...] = ()
    ledger_head: str
    ledger_entries: int

    @property
    def is_restored(self) -> bool:
        """Whether every switch that the drill touched is proved to be back."""
        if self.restored is None:
            return not self.switches
        return not self.restored.problems and all(switch.restored for switch in self.restored.switches)
