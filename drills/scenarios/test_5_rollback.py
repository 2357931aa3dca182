"""§5.5 with §4: roll back, smallest surface first, verify the fallback, re-enable and verify recovery."""

from __future__ import annotations

import pytest

from drills.evidence.records import Lane, Scalar
from drills.plugin.drill import Drill
from drills.scenarios.agreement import check_rows_agree
from drills.scenarios.lanes import prove
from drills.scenarios.runtime_rollback import roll_back_runtime
from drills.verdict.rollback import RECOVERY, ROLLBACK


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

    roll_back_runtime(drill, surfaces)
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
    drill.wait_until(lambda: all(drill.surface(name).rows() for name in surfaces))


def _states(drill: Drill, surfaces: list[str], moment: str, category: str) -> None:
    for name in surfaces:
        page = drill.surface(name)
        facts: dict[str, Scalar] = {
            "flag": drill.value(name),
            "rows": page.rows(),
            "lane shown": page.attribute(page.profile.shown.lane, page.profile.shown.lane_attribute),
        }
        drill.observe(moment, f"{page.profile.title}, {moment}", facts, name)
        drill.picture(page, moment, f"{page.profile.title}, {moment}", category)
