"""Whether what a surface shows is what the authority knows."""

from __future__ import annotations

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.target.browser import SurfacePage
from drills.target.operator import EntityState

NOBODY = "nobody can be asked: give the target [authority], the address that tells what the authority knows"
NOTHING = "the authority tells of no worker: there is nothing that could be lost"


def check_rows_agree(drill: Drill, page: SurfacePage, *, step: str | None = None, suffix: str = "") -> bool:
    """Check that every worker of the authority is shown, at no older version, and at equal versions with equal status.

    The authority moves on while the page is read, so each worker is looked at until one reading of it agrees. Where
    nobody can be asked, or the authority knows nothing, both checks say so and are inconclusive.
    """
    known = drill.environment.authority()
    if not known:
        return _cannot_tell(drill, page, step, suffix, note=NOBODY if known is None else NOTHING)
    behind = dict(known)
    drill.wait_until(lambda: not _still(page, behind))
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


def _cannot_tell(drill: Drill, page: SurfacePage, step: str | None, suffix: str, *, note: str) -> bool:
    for check_id, title in (
        ("nothing-lost", "workers shown at the authority's version or later"),
        ("status-agrees", "workers whose status equals the authority's at the same version"),
    ):
        drill.check(
            f"{check_id}{suffix}",
            f"{page.profile.title}: {title}",
            None,
            Relation.AT_LEAST,
            1,
            unit="workers",
            surface=page.id,
            step=step,
            note=note,
        )
    return False


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
        known, shown = drill.environment.authority() or {}, page.shown()
        for name in list(left):
            row = shown.get(name)
            told = known.get(name)
            if row and told and row.seq == told.seq and row.status == (told.status or "").lower():
                left.discard(name)
        return not left

    drill.wait_until(look)
    return len(names) - len(left)
