"""§5.5 with §4: roll back, smallest surface first, verify the fallback, re-enable and verify recovery."""

from __future__ import annotations

import pytest

from drills.evidence.records import Lane, Relation, Scalar
from drills.plugin.drill import Drill
from drills.scenarios.agreement import check_rows_agree
from drills.scenarios.lanes import prove
from drills.target.operator import ParityState
from drills.verdict.rollback import RECOVERY, ROLLBACK

SINK = "sink-path"
MISMATCHES = "openagents_runtime_sync_parity_cycle_mismatches_sum"
CYCLES = "openagents_runtime_sync_parity_cycle_count"
SILENCE_SECONDS, BUDGET_SECONDS = 1.5, 12.0


@pytest.mark.checklist("rollback", "disable-flag", "verify-fallback", "recover")
@pytest.mark.rollback("client-rollback", "runtime-rollback", "rollback-validation", "client-fallback", "errors-recover")
def test_rollback_and_recovery(drill: Drill) -> None:
    """Each surface falls back to legacy and recovers with nothing lost; then the runtime's sink path does."""
    surfaces = list(drill.runbook.item("rollback").surfaces)
    _start_on_khala(drill, surfaces)
    _states(drill, surfaces, "before", "state-before")

    drill.switch_to(*surfaces, new_lane=False, purpose=ROLLBACK)
    fell_back = prove(drill, surfaces, Lane.LEGACY, events=2, step="verify-fallback", suffix="-fallback")
    _states(drill, surfaces, "rolled-back", "state-rolled-back")

    drill.switch_to(*surfaces, new_lane=True, purpose=RECOVERY)
    recovered = prove(drill, surfaces, Lane.KHALA, events=2, step="recover", suffix="-recovery")
    for surface in surfaces:
        check_rows_agree(drill, drill.surface(surface), step="recover", suffix="-recovery")

    _roll_back_runtime(drill, surfaces)
    _states(drill, surfaces, "after", "state-after")
    drill.observe("outcome", "Rollback exercise", {"fell back": fell_back, "recovered": recovered})


def _start_on_khala(drill: Drill, surfaces: list[str]) -> None:
    """Rollback is rolled back from something: surfaces that are not on Khala yet are turned to it."""
    waiting = [name for name in surfaces if drill.value(name) != drill.runbook.switch(name).new_lane]
    if waiting:
        drill.switch_to(*waiting, new_lane=True, purpose="enable")
    for name in surfaces:
        if name in waiting or not drill.surface(name).is_open:
            drill.surface(name).open()
    drill.browser.wait_until(lambda: all(drill.surface(name).rows() for name in surfaces), BUDGET_SECONDS)


def _states(drill: Drill, surfaces: list[str], moment: str, category: str) -> None:
    for name in surfaces:
        page = drill.surface(name)
        facts: dict[str, Scalar] = {
            "flag": drill.value(name),
            "rows": page.rows(),
            "lane shown": page.attribute("#lane", "data-lane"),
        }
        drill.observe(moment, f"{page.profile.title}, {moment}", facts, name)
        drill.picture(page, moment, f"{page.profile.title}, {moment}", category)


def _roll_back_runtime(drill: Drill, surfaces: list[str]) -> None:
    """Publish to Convex only: Khala stops, legacy goes on, the auditor sees the drift; then back, and it catches up."""
    with drill.disturbance("runtime sink path at Convex-only, and the catch-up after it"):
        before = drill.environment.metrics.total(MISMATCHES) or 0.0
        drill.switch_to(SINK, new_lane=False, purpose=ROLLBACK)
        _check_stopped(drill, surfaces, before)
        drill.switch_to(SINK, new_lane=True, purpose=RECOVERY)
        _check_caught_up(drill, surfaces)


def _check_stopped(drill: Drill, surfaces: list[str], mismatches_before: float) -> None:
    event = drill.environment.operator.write_event()
    legacy = drill.browser.wait_until(lambda: _legacy_has(drill, event.doc_key, event.seq), BUDGET_SECONDS)
    drill.browser.pump(SILENCE_SECONDS)
    frames = sum(drill.surface(name).traffic.frame_with(event.doc_key, event.seq) is not None for name in surfaces)
    metrics = drill.environment.metrics
    budget = BUDGET_SECONDS + metrics.latency_seconds
    drill.browser.wait_until(lambda: (metrics.total(MISMATCHES) or 0.0) > mismatches_before, budget)
    seen = (metrics.total(MISMATCHES) or 0.0) - mismatches_before
    held = [
        drill.holds("legacy-continues", "Convex-only: the legacy lane still gets authority events", observed=legacy),
        drill.check(
            "khala-stops",
            "Convex-only: surfaces that still got the event over Khala",
            frames,
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
    observation = drill.observe("convex-only", "Sink path at Convex-only", {"event": event.seq, "mismatches": seen})
    if all(held):
        drill.runtime_seen(SINK, recovered=False, observation=observation)


def _check_caught_up(drill: Drill, surfaces: list[str]) -> None:
    parity = drill.environment.operator.parity
    equal = drill.browser.wait_until(lambda: not _behind(parity()), BUDGET_SECONDS)
    grown = _mismatches_of_a_later_cycle(drill)
    left = len(_behind(parity()))
    held = [
        drill.holds(
            "re-projected", "Back to dual: Khala holds every document at the legacy lane's version", observed=equal
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
        "dual-again", "Sink path at dual again", {"documents behind": left, "new mismatches": grown}
    )
    if all(held):
        drill.runtime_seen(SINK, recovered=True, observation=observation)


def _mismatches_of_a_later_cycle(drill: Drill) -> float | None:
    """Return what an audit counted that began after now; None when there was none in time.

    The cycle under way may still have looked at the documents as they were, so that the one after it is the first.
    """
    metrics = drill.environment.metrics
    budget = BUDGET_SECONDS + metrics.latency_seconds
    if not drill.metrics_caught_up():
        return None
    begun = metrics.total(CYCLES) or 0.0
    drill.browser.wait_until(lambda: (metrics.total(CYCLES) or 0.0) >= begun + 2, budget)
    settled, counted = metrics.total(MISMATCHES), metrics.total(CYCLES) or 0.0
    later = drill.browser.wait_until(lambda: (metrics.total(CYCLES) or 0.0) > counted, budget)
    return (metrics.total(MISMATCHES) or 0.0) - settled if later and settled is not None else None


def _legacy_has(drill: Drill, doc_key: str, seq: int) -> bool:
    checkpoint = drill.environment.operator.parity().checkpoints.get(doc_key)
    return checkpoint is not None and checkpoint.seq >= seq


def _behind(parity: ParityState) -> list[str]:
    """Return the documents that Khala lacks, or holds at an older version than the legacy lane."""
    return [
        key
        for key, checkpoint in parity.checkpoints.items()
        if key not in parity.read_models or parity.read_models[key].doc_version < checkpoint.seq
    ]
