"""§5.5 with §4: turn clients back to polling, and to the socket again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drills.evidence.records import Lane
from drills.plugin.drill import Drill
from drills.scenarios.lanes import prove
from drills.verdict.rollback import RECOVERY, ROLLBACK


@pytest.mark.checklist("way-back", "back", "forward")
@pytest.mark.rollback("back-to-polling", "polling-carries")
def test_clients_go_back_to_polling_and_return(drill: Drill) -> None:
    """Polling carries every event while the flags are off; when they are on again the socket does."""
    surfaces = drill.runbook.item("way-back").surfaces
    _picture(drill, surfaces, "before")
    drill.switch_to(*surfaces, new_lane=False, purpose=ROLLBACK)
    prove(drill, surfaces, Lane.LEGACY, events=2, step="back", suffix="-back")
    drill.switch_to(*surfaces, new_lane=True, purpose=RECOVERY)
    prove(drill, surfaces, Lane.KHALA, events=2, step="forward", suffix="-forward")
    _picture(drill, surfaces, "after")


def _picture(drill: Drill, surfaces: Sequence[str], moment: str) -> None:
    for name in surfaces:
        page = drill.surface(name)
        if not page.is_open:
            page.open()
        drill.observe(moment, f"{page.profile.title}, {moment}", {"flag": drill.value(name)}, name)
        drill.picture(page, moment, f"{page.profile.title}, {moment}", f"state-{moment}")
