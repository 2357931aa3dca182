"""§1: what must hold before any item is tried. Where it does not, the items that need it are NOT_RUN."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.runbook.model import SwitchKind
from drills.scenarios.exhibits import dashboard_picture

PROJECTION_WRITES = "openagents_runtime_sync_projection_write"
CONVEX_WRITES = "openagents_runtime_convex_projection_write_count"


@pytest.mark.precondition("dual-publish")
def test_dual_publish_is_active(drill: Drill) -> None:
    """Both sinks are writing: the counters of each advance while the drill looks on."""
    sink = drill.runbook.switch("sink-path")
    value = drill.value("sink-path")
    drill.check("sink-path", "Sink path as the target reads it back", value, Relation.EQUAL, sink.new_lane)
    for check_id, title, metric in (
        ("khala-writes", "Khala sink: documents written while watched", PROJECTION_WRITES),
        ("convex-writes", "Convex sink: documents written while watched", CONVEX_WRITES),
    ):
        drill.check(check_id, title, _growth(drill, metric), Relation.GREATER, 0, unit="documents")


@pytest.mark.precondition("auditor-enabled")
def test_parity_auditor_is_enabled(drill: Drill) -> None:
    """The auditor's switch reads enabled."""
    switch = drill.runbook.switch("parity-auditor")
    value = drill.value("parity-auditor")
    drill.check("enabled", f"{switch.key} as the target reads it back", value, Relation.EQUAL, switch.new_lane)


@pytest.mark.precondition("dashboard-available")
def test_parity_dashboard_is_available(drill: Drill) -> None:
    """The dashboard loads and draws its five panels; its first picture is kept."""
    panels = dashboard_picture(drill, "start")
    drill.check("panels", "Panels that the dashboard draws", panels, Relation.AT_LEAST, 5, unit="panels")


@pytest.mark.precondition("client-flags")
def test_client_flags_are_independently_switchable(drill: Drill) -> None:
    """Each client flag exists and reads back a value of its own."""
    operator = drill.environment.operator
    keys = {state.id: state.key for state in operator.switches()} if operator else {}
    for switch in drill.runbook.switches:
        if switch.kind is SwitchKind.CLIENT:
            named = keys.get(switch.id, switch.key) == switch.key
            known = named and drill.value(switch.id) in {switch.new_lane, switch.old_lane}
            drill.holds(f"flag-{switch.id}", f"{switch.key} can be read", observed=known, surface=switch.surface)


def _growth(drill: Drill, metric: str) -> float | None:
    """Return by how much a counter grew, as soon as it grows; 0 when it does not, None when it is not there."""
    metrics = drill.environment.metrics
    drill.wait_until(lambda: metrics.total(metric) is not None, of_metrics=True)
    first = metrics.total(metric)
    if first is None:
        return None
    drill.wait_until(lambda: (metrics.total(metric) or 0) > first, of_metrics=True)
    return (metrics.total(metric) or first) - first
