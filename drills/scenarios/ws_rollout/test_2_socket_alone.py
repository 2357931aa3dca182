"""§5.2: turn clients to the socket alone and confirm live updates."""

from __future__ import annotations

import pytest

from drills.evidence.records import Lane
from drills.plugin.drill import Drill
from drills.scenarios.agreement import check_rows_agree
from drills.scenarios.lanes import prove


@pytest.mark.checklist("socket-alone")
def test_updates_come_over_the_socket_alone(drill: Drill) -> None:
    """With the flags on, every event arrives in a frame, and nobody polls."""
    surfaces = drill.runbook.item("socket-alone").surfaces
    drill.switch_to(*surfaces, new_lane=True, purpose="enable")
    prove(drill, surfaces, Lane.KHALA, events=3)
    for surface in surfaces:
        check_rows_agree(drill, drill.surface(surface))
