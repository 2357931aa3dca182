"""Turning one surface to Khala, as items 2 to 4 of the checklist ask."""

from __future__ import annotations

from drills.errors import TargetUnreachable
from drills.evidence.records import Lane, Relation
from drills.plugin.drill import Drill
from drills.scenarios.agreement import check_rows_agree
from drills.scenarios.lanes import prove
from drills.target.browser import SurfacePage

EVENTS = 5
#: How long a switch may have no value, as while its surface starts anew.
BUSY_SECONDS = 20.0


def enable_surface(drill: Drill, surface: str) -> None:
    """Record the surface as it is, flip its flag on, prove Khala by traffic, and record it again."""
    page = drill.surface(surface)
    page.open()
    drill.wait_until(lambda: page.rows() > 0)
    drill.observe("before", "Before", {"flag": drill.value(surface), "rows": page.rows()}, surface)
    drill.picture(page, "before", f"{page.profile.title} before its flag is on")
    others = _other_flags(drill, surface)
    drill.switch_to(surface, new_lane=True, purpose="enable")
    _check_independent(drill, page, others)
    prove(drill, [surface], Lane.KHALA, events=EVENTS)
    check_rows_agree(drill, page)
    drill.observe("after", "After", {"flag": drill.value(surface), "rows": page.rows()}, surface)
    drill.picture(page, "after", f"{page.profile.title} on Khala")


def _check_independent(drill: Drill, page: SurfacePage, others: dict[str, str]) -> None:
    """Check that no other flag changed; a runbook with a single surface has none that could."""
    if others:
        after = _other_flags(drill, page.id)
        drill.check(
            "independent",
            f"{page.profile.title}: other client flags that changed with this one",
            sum(after[name] != value for name, value in others.items()),
            Relation.EQUAL,
            0,
            unit="flags",
            surface=page.id,
        )


def _other_flags(drill: Drill, surface: str) -> dict[str, str]:
    """Return the client flags of every other surface, as the target reads them back.

    A flag that is flipped along with this one has no value while it changes; it is waited for, so that it is counted.
    """
    flags = [switch.id for switch in drill.runbook.switches if switch.surface not in {None, surface}]
    drill.browser.wait_until(lambda: all(_readable(drill, name) for name in flags), BUSY_SECONDS)
    return {name: drill.value(name) for name in flags}


def _readable(drill: Drill, switch: str) -> bool:
    try:
        drill.value(switch)
    except TargetUnreachable:
        return False
    return True
