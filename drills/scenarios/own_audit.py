"""The drill's own parity audit beside the runtime's auditor, so that the auditor has a witness.

The drill compares every document; for the comparison of the two it also looks at those that the auditor samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drills.errors import TargetUnreachable
from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.runbook.model import Comparison
from drills.target.parity.audit import ParityAudit
from drills.target.parity.outcomes import Audit, distance

GATE = "parity-mismatch-rate"


@dataclass(frozen=True, slots=True)
class OwnAudit:
    """What the drill found by itself. ``sampled`` are the documents that the auditor takes in a cycle."""

    every: Audit
    sampled: Audit
    khala_only: int
    auditor_sample: int
    tolerance: float


@dataclass(frozen=True, slots=True)
class AuditorCounts:
    """What the auditor counted meanwhile: ended cycles, documents sampled, and documents by reason class."""

    cycles: float
    sampled: float
    reasons: Mapping[str, float]


def audit_both_lanes(drill: Drill) -> OwnAudit | None:
    """Compare both lanes now, write down what came of it, and return it; None where there is nothing to compare in."""
    audit = drill.environment.parity_audit()
    if audit is None:
        drill.observe("own-audit", "No database is named in which the drill could compare both lanes", {"made": False})
        return None
    try:
        own = _look(drill, audit)
    except TargetUnreachable as error:
        _check_compared(drill, None, error.message)
        return None
    _observe(drill, own, audit.settings.hash_scheme.value)
    return own


def check_own_audit(drill: Drill, own: OwnAudit, auditor: AuditorCounts) -> None:
    """Hold both lanes against the gate's threshold over every document, and the auditor against the drill."""
    _check_compared(drill, own.every.compared, f"of which the auditor takes {own.sampled.compared}")
    drill.check(
        "lanes-agree",
        "Share of all documents on which both lanes disagree, by the drill's own audit",
        own.every.mismatch_rate,
        Relation.LESS,
        _threshold(drill),
        unit="ratio",
        note=", ".join(f"{count} {outcome}" for outcome, count in sorted(own.every.counts.items())),
    )
    drill.check(
        "auditor-samples-all",
        f"Documents that the auditor compares in a cycle (up to {own.auditor_sample}, the newest)",
        auditor.sampled / auditor.cycles if auditor.cycles else None,
        Relation.AT_LEAST,
        min(own.auditor_sample, own.every.compared),
        unit="documents",
    )
    apart = distance(auditor.reasons, own.sampled.counts)
    drill.check(
        "auditor-agrees",
        "How far the auditor's reason classes and the drill's own lie apart (0 alike, 1 nothing in common)",
        None if apart is None else round(apart, 6),
        Relation.AT_MOST,
        own.tolerance,
        unit="ratio",
    )


def _look(drill: Drill, audit: ParityAudit) -> OwnAudit:
    every = _settled(drill, audit, _aside(drill, audit, audit.every))
    settings = audit.settings
    few = every.compared <= settings.auditor_sample
    sampled = every if few else _settled(drill, audit, _aside(drill, audit, audit.newest))
    return OwnAudit(every, sampled, audit.khala_only(), settings.auditor_sample, settings.tolerance)


def _aside(drill: Drill, audit: ParityAudit, task: Callable[[], Audit]) -> Audit:
    """Run ``task`` beside the browser, whose events go on being heard."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(task)
        drill.browser.wait_until(running.done, audit.settings.statement_timeout_seconds)
        return running.result()


def _settled(drill: Drill, audit: ParityAudit, first: Audit) -> Audit:
    """Look again at what disagrees until it agrees, or has had the time that a publish may take."""
    seen = [first]

    def agree() -> bool:
        seen.append(audit.again(seen[-1]))
        return seen[-1].mismatches == 0

    if first.mismatches:
        drill.browser.wait_until(agree, audit.settings.settle_seconds)
    return seen[-1]


def _observe(drill: Drill, own: OwnAudit, scheme: str) -> None:
    drill.observe(
        "own-audit",
        "Both lanes, compared by the drill itself",
        {
            "documents": own.every.compared,
            **{f"outcome {name}": count for name, count in sorted(own.every.counts.items())},
            "only on Khala": own.khala_only,
            "hash scheme": scheme,
        },
    )


def _check_compared(drill: Drill, compared: int | None, note: str) -> None:
    drill.check(
        "own-audit",
        "Documents that the drill compared by itself (clean is not the same as nothing compared)",
        compared,
        Relation.AT_LEAST,
        1,
        unit="documents",
        note=note,
    )


def _threshold(drill: Drill) -> float | None:
    """Return the threshold of the runbook's own gate on the mismatch rate."""
    objectives = [gate.objective for gate in drill.runbook.gates if gate.id == GATE]
    return next((one.threshold for one in objectives if isinstance(one, Comparison)), None)
