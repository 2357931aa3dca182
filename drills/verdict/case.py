"""Everything that a stage decision is made from, gathered beforehand: nothing here reads, asks or waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import JudgedGate, StageDecided, TargetFacts
from drills.runbook.model import Runbook, Stage
from drills.verdict.business_days import BusinessDays


@dataclass(frozen=True, slots=True)
class Began:
    """When the stage began, how that is known, and where it is written; ``evidence`` is empty if somebody said so."""

    at: datetime
    by: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class PublishedDrill:
    """A published drill. ``report`` is its file name; ``deviation`` says how it is not as it was published, if so."""

    report: str
    record: DrillRecord
    deviation: str = ""


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates over the hold: since when, on which samples (``digest`` None without any), and how each was judged.

    ``problem`` says why there are no samples.
    """

    begin: datetime
    source: str
    digest: str | None
    judged: tuple[JudgedGate, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCase:
    """The question whether ``target`` may leave the stage ``origin`` for ``destination``.

    ``drill`` is the newest drill that counts for the target. ``unread`` names published drills that could not be read:
    any of them might be newer. ``missing`` names drills on which an earlier decision rested and that are gone.
    ``last`` is the newest decision on this target, ``reached`` the stage to which the newest GO led.
    """

    runbook: Runbook
    runbook_digest: str
    target: TargetFacts
    origin: Stage
    destination: Stage
    days: BusinessDays
    gates: Gates
    began: Began | None = None
    drill: PublishedDrill | None = None
    unread: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    last: StageDecided | None = None
    reached: str | None = None
    operator: str = ""
