"""Whether what a surface shows is what the authority knows."""

from __future__ import annotations

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.target.browser import SurfacePage
from drills.target.operator import EntityState

WORKERS = "codex_worker"
SETTLE_SECONDS = 6.0


def check_rows_agree(drill: Drill, page: SurfacePage, *, step: str | None = None, suffix: str = "") -> bool:
    """Check that every worker of the authority is shown, at no older version, and at equal versions with equal status.

    The authority moves on while the page is read, so each worker is looked at until one reading of it agrees.
    """
    known = drill.environment.operator.authority()[WORKERS]
    behind = dict(known)
    drill.browser.wait_until(lambda: not _still(page, behind), SETTLE_SECONDS)
    statuses = _equal_statuses(drill, page, set(known))
    caught_up = drill.check(
        f"nothing-lost{suffix}",
        f"{page.profile.title}: workers shown at the authority's version or later",
        len(known) - len(behind),
        Relation.EQUAL,
        len(known),
        unit="workers",
        surface=page.id,
        step=step,
        note=", ".join(sorted(behind)),
    )
    return caught_up & drill.check(
        f"status-agrees{suffix}",
        f"{page.profile.title}: workers whose status equals the authority's at the same version",
        statuses,
        Relation.EQUAL,
        len(known),
        unit="workers",
        surface=page.id,
        step=step,
    )


def _still(page: SurfacePage, behind: dict[str, EntityState]) -> bool:
    """Drop from ``behind`` what has caught up, and return whether anything is left."""
    shown = page.shown()
    for name in [name for name, state in behind.items() if name in shown and shown[name].seq >= state.seq]:
        del behind[name]
    return bool(behind)


def _equal_statuses(drill: Drill, page: SurfacePage, names: set[str]) -> int:
    """Return for how many workers page and authority were seen at one version, with one status."""
    left = set(names)

    def look() -> bool:
        known, shown = drill.environment.operator.authority()[WORKERS], page.shown()
        for name in list(left):
            row = shown.get(name)
            if row and row.seq == known[name].seq and row.status == (known[name].status or "").lower():
                left.discard(name)
        return not left

    drill.browser.wait_until(look, SETTLE_SECONDS)
    return len(names) - len(left)
