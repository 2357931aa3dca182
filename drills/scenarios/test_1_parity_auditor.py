"""§5.1: enable the parity auditor in staging and verify that cycle and entity metrics emit."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.own_audit import AuditorCounts, audit_both_lanes, check_own_audit

PREFIX = "openagents_runtime_sync_parity"
CYCLES = f"{PREFIX}_cycle_count"
SAMPLED = f"{PREFIX}_cycle_sampled_sum"
ENTITIES = f"{PREFIX}_entity_count"
SETTLE_SECONDS, QUIET_SECONDS = 1.6, 2.2
CYCLES_WANTED = 2


@pytest.mark.checklist("parity-auditor")
def test_parity_auditor_emits_cycle_and_entity_metrics(drill: Drill) -> None:
    """Off, the auditor's cycles stop; on, it counts again, compares, and finds what the drill's own audit finds."""
    before = _figures(drill)
    drill.observe("before", "Auditor metrics before", before)
    with drill.disturbance("parity auditor switched off and on"):
        drill.switch_to("parity-auditor", new_lane=False, purpose="show that the auditor makes the metrics")
        cycles_while_off = _cycles_while_off(drill)
        still, reasons_before = _figures(drill), drill.environment.metrics.breakdown(ENTITIES, "reason_class")
        drill.switch_to("parity-auditor", new_lane=True, purpose="enable the parity auditor")
    drill.check(
        "cycles-stop",
        "Parity cycles counted while the auditor is off",
        cycles_while_off,
        Relation.EQUAL,
        0,
        unit="cycles",
    )
    own = audit_both_lanes(drill)
    drill.wait_until(
        lambda: (
            all(_figures(drill)[name] > still[name] for name in still)
            and _figures(drill)["cycles"] >= still["cycles"] + CYCLES_WANTED
        ),
        of_metrics=True,
    )
    after = _figures(drill)
    drill.observe("after", "Auditor metrics after", after)
    for name, title, wanted in (
        ("cycles", "Parity cycles counted after enabling", CYCLES_WANTED),
        ("entities", "Entities compared after enabling", 1),
        ("sampled", "Checkpoints sampled after enabling (clean is not the same as nothing compared)", 1),
    ):
        drill.check(f"{name}-advance", title, after[name] - still[name], Relation.AT_LEAST, wanted, unit=name)
    if own:
        counted = {name: after[name] - still[name] for name in ("cycles", "sampled")}
        reasons = drill.environment.metrics.breakdown(ENTITIES, "reason_class")
        grown = {reason: count - reasons_before.get(reason, 0) for reason, count in reasons.items()}
        check_own_audit(drill, own, AuditorCounts(**counted, reasons=grown))


def _figures(drill: Drill) -> dict[str, float]:
    # Cycles are read first: a scrape in between can only add documents to them.
    metrics = drill.environment.metrics
    return {
        "cycles": metrics.total(CYCLES) or 0.0,
        "sampled": metrics.total(SAMPLED) or 0.0,
        "entities": metrics.total(ENTITIES) or 0.0,
    }


def _cycles_while_off(drill: Drill) -> float | None:
    """Return how many cycles end while the auditor is off, None when that could not be seen.

    The cycle under way is let end first; then both figures are of their moment, not of the last sample before it.
    """
    metrics = drill.environment.metrics
    drill.browser.pump(SETTLE_SECONDS)
    first = metrics.total(CYCLES) if drill.metrics_caught_up() else None
    drill.browser.pump(QUIET_SECONDS)
    if first is None or not drill.metrics_caught_up():
        return None
    return (metrics.total(CYCLES) or 0.0) - first
