"""§5.1: enable the parity auditor in staging and verify that cycle and entity metrics emit."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill

PREFIX = "openagents_runtime_sync_parity"
CYCLES = f"{PREFIX}_cycle_count"
SAMPLED = f"{PREFIX}_cycle_sampled_sum"
ENTITIES = f"{PREFIX}_entity_count"
QUIET_SECONDS, BUDGET_SECONDS = 2.2, 8.0
CYCLES_WANTED = 2


@pytest.mark.checklist("parity-auditor")
def test_parity_auditor_emits_cycle_and_entity_metrics(drill: Drill) -> None:
    """Off, the auditor's cycles stop; on, cycles and entities are counted again and something was compared."""
    before = _figures(drill)
    drill.observe("before", "Auditor metrics before", before)
    with drill.disturbance("parity auditor switched off and on"):
        drill.switch_to("parity-auditor", new_lane=False, purpose="show that the auditor makes the metrics")
        silent_from = _silence(drill)
        still = _figures(drill)
        drill.switch_to("parity-auditor", new_lane=True, purpose="enable the parity auditor")
    drill.check(
        "cycles-stop",
        "Parity cycles counted while the auditor is off",
        None if silent_from is None else still["cycles"] - silent_from,
        Relation.EQUAL,
        0,
        unit="cycles",
    )
    drill.browser.wait_until(
        lambda: (
            all(_figures(drill)[name] > still[name] for name in still)
            and _figures(drill)["cycles"] >= still["cycles"] + CYCLES_WANTED
        ),
        BUDGET_SECONDS,
    )
    after = _figures(drill)
    drill.observe("after", "Auditor metrics after", after)
    for name, title, wanted in (
        ("cycles", "Parity cycles counted after enabling", CYCLES_WANTED),
        ("entities", "Entities compared after enabling", 1),
        ("sampled", "Checkpoints sampled after enabling (clean is not the same as nothing compared)", 1),
    ):
        drill.check(f"{name}-advance", title, after[name] - still[name], Relation.AT_LEAST, wanted, unit=name)


def _figures(drill: Drill) -> dict[str, float]:
    metrics = drill.environment.metrics
    return {
        "cycles": metrics.total(CYCLES) or 0.0,
        "sampled": metrics.total(SAMPLED) or 0.0,
        "entities": metrics.total(ENTITIES) or 0.0,
    }


def _silence(drill: Drill) -> float | None:
    """Let the cycle under way end, then watch; return the cycle count at which the watch began."""
    metrics = drill.environment.metrics
    drill.browser.pump(drill.environment.profile.metrics.interval_seconds * 1.5)
    first = metrics.total(CYCLES)
    drill.browser.pump(QUIET_SECONDS)
    return first
