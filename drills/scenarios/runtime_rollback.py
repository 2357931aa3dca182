"""Rolling the runtime back: Khala stops, legacy goes on, the auditor sees the drift; then back, and it catches up."""

from __future__ import annotations

import time
from collections.abc import Sequence

from drills.errors import TargetUnreachable
from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.agreement import check_rows_agree
from drills.scenarios.events import event_without_khala
from drills.target.operator import ParityState
from drills.target.parity.audit import ParityAudit
from drills.target.parity.outcomes import Audit
from drills.target.ports import Stimulus
from drills.verdict.rollback import RECOVERY, ROLLBACK

SINK = "sink-path"
MISMATCHES = "openagents_runtime_sync_parity_cycle_mismatches_sum"
CYCLES = "openagents_runtime_sync_parity_cycle_count"
CONVEX_WRITES = "openagents_runtime_convex_projection_write_count"
SILENCE_SECONDS = 1.5
NO_PARITY = "nobody tells what both lanes hold, or they hold nothing: give the target [parity], a database URL"


def roll_back_runtime(drill: Drill, surfaces: Sequence[str]) -> None:
    """Publish to Convex only and see Khala stop; publish to both again and see it catch up."""
    with drill.disturbance("runtime sink path at Convex-only, and the catch-up after it"):
        before = drill.environment.metrics.total(MISMATCHES) or 0.0
        drill.switch_to(SINK, new_lane=False, purpose=ROLLBACK)
        _check_stopped(drill, surfaces, before)
        drill.switch_to(SINK, new_lane=True, purpose=RECOVERY)
        _check_caught_up(drill, surfaces)


def _check_stopped(drill: Drill, surfaces: Sequence[str], mismatches_before: float) -> None:
    if drill.environment.events.patience_seconds:  # any update counts then: let those under way arrive first
        drill.browser.pump(SILENCE_SECONDS)
    since = time.time()
    known, writes = drill.environment.parity(), drill.environment.metrics.total(CONVEX_WRITES)
    event = event_without_khala(drill)
    legacy = _legacy_goes_on(drill, event, known, writes)
    drill.browser.pump(SILENCE_SECONDS)
    seen = _mismatches_since(drill, mismatches_before)
    held = [
        drill.holds("legacy-continues", "Convex-only: the legacy lane still gets authority events", observed=legacy),
        drill.check(
            "khala-stops",
            "Convex-only: surfaces that still got updates over Khala",
            sum(_still_fed(drill, name, event, since) for name in surfaces) if event or legacy else None,
            Relation.EQUAL,
            0,
            unit="surfaces",
        ),
        drill.check(
            "auditor-sees",
            "Convex-only: mismatches that the auditor counted",
            seen,
            Relation.GREATER,
            0,
            unit="documents",
        ),
    ]
    facts = {"event": event.seq if event else None, "mismatches": seen}
    observation = drill.observe("convex-only", "Sink path at Convex-only", facts)
    if all(held):
        drill.runtime_seen(SINK, recovered=False, observation=observation)


def _legacy_goes_on(
    drill: Drill, event: Stimulus | None, known: ParityState | None, writes: float | None
) -> bool | None:
    """Return whether the legacy lane took what was written meanwhile; None where nothing tells of it.

    The best witness is its own document of the event; then any newer document; then the count of its writes.
    """
    metrics = drill.environment.metrics
    if known is not None:
        return drill.wait_until(lambda: _legacy_newer(drill, event, known))
    if writes is None:
        return None
    return drill.wait_until(lambda: (metrics.total(CONVEX_WRITES) or 0.0) > writes, of_metrics=True) or None


def _legacy_newer(drill: Drill, event: Stimulus | None, known: ParityState) -> bool:
    parity = drill.environment.parity()
    found = parity.checkpoints if parity else {}
    if event is not None:
        return event.doc_key in found and found[event.doc_key].seq >= event.seq
    return any(key not in known.checkpoints or one.seq > known.checkpoints[key].seq for key, one in found.items())


def _still_fed(drill: Drill, surface: str, event: Stimulus | None, since: float) -> bool:
    traffic = drill.surface(surface).traffic
    if event is not None:
        return traffic.frame_with(event.doc_key, event.seq) is not None
    return any(frame.at >= since and frame.versions and not frame.sent for frame in traffic.frames)


def _mismatches_since(drill: Drill, before: float) -> float:
    metrics = drill.environment.metrics
    drill.wait_until(lambda: (metrics.total(MISMATCHES) or 0.0) > before, of_metrics=True)
    return (metrics.total(MISMATCHES) or 0.0) - before


def _check_caught_up(drill: Drill, surfaces: Sequence[str]) -> None:
    equal = _caught_up(drill)
    grown = _mismatches_of_a_later_cycle(drill)
    held = [
        drill.holds(
            "re-projected",
            "Back to dual: Khala holds every document at the legacy lane's version",
            observed=equal,
            note=NO_PARITY if equal is None else "",
        ),
        drill.check(
            "alerts-stop",
            "Back to dual: mismatches counted after it caught up",
            grown,
            Relation.EQUAL,
            0,
            unit="documents",
        ),
        *(check_rows_agree(drill, drill.surface(name), suffix="-runtime") for name in surfaces),
    ]
    observation = drill.observe(
        "dual-again", "Sink path at dual again", {"lanes equal": equal, "new mismatches": grown}
    )
    if all(held):
        drill.runtime_seen(SINK, recovered=True, observation=observation)


def _mismatches_of_a_later_cycle(drill: Drill) -> float | None:
    """Return what an audit counted that began after now; None when there was none in time.

    The cycle under way may still have looked at the documents as they were, so that the one after it is the first.
    """
    metrics = drill.environment.metrics
    if not drill.metrics_caught_up():
        return None
    begun = metrics.total(CYCLES) or 0.0
    drill.wait_until(lambda: (metrics.total(CYCLES) or 0.0) >= begun + 2, of_metrics=True)
    settled, counted = metrics.total(MISMATCHES), metrics.total(CYCLES) or 0.0
    later = drill.wait_until(lambda: (metrics.total(CYCLES) or 0.0) > counted, of_metrics=True)
    return (metrics.total(MISMATCHES) or 0.0) - settled if later and settled is not None else None


def _caught_up(drill: Drill) -> bool | None:
    """Return whether Khala came to hold every document at the legacy lane's version.

    None where nothing tells, or where there is no document that could have been missed.
    """
    parity = drill.environment.parity()
    if parity is not None:
        if not parity.checkpoints:
            return None
        return drill.wait_until(lambda: _level(drill.environment.parity()))
    audit = drill.environment.parity_audit()
    if audit is None:
        return None
    try:
        seen = [audit.every()]
        if not seen[0].compared:
            return None
        return drill.wait_until(lambda: not _look_again(audit, seen).mismatches)
    except TargetUnreachable:
        return None


def _look_again(audit: ParityAudit, seen: list[Audit]) -> Audit:
    seen[:] = [audit.again(seen[0])]
    return seen[0]


def _level(parity: ParityState | None) -> bool:
    """Say whether Khala holds every document, and none at an older version than the legacy lane."""
    if parity is None or not parity.checkpoints:
        return False
    held = parity.read_models
    return all(key in held and held[key].doc_version >= one.seq for key, one in parity.checkpoints.items())
