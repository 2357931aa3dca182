"""Whether the parts of a profile agree with each other, and the profile with the runbook that it is drilled by."""

from __future__ import annotations

from collections.abc import Iterator

from drills.errors import ProfileInvalid
from drills.runbook.model import Runbook, Switch
from drills.target.profile.lines import Path
from drills.target.profile.model import Profile
from drills.target.profile.switches import known_values

#: A place in the profile, and what is wrong there.
Contradiction = tuple[Path, str]


def contradictions(profile: Profile) -> Iterator[Contradiction]:
    """Yield what cannot be meant, although each section by itself is well formed."""
    if profile.console and not profile.operator_api:
        yield ("console",), "needs [operator_api], over which its switches are read back"
    if not profile.switches and not profile.operator_api:
        yield ("switches",), "is missing: without an operator API each switch of the runbook needs a table"
    if profile.cohort.clients and not profile.khala.session:
        yield ("cohort", "clients"), "needs khala.token_url and khala.session, with which its clients get in"


def demand_fit(profile: Profile, runbook: Runbook, name: str) -> None:
    """Return if everything that ``runbook`` flips and looks at is in ``profile``.

    Raises:
        ProfileInvalid: every mistake is listed with its place.
    """
    mistakes = [f"{'.'.join(map(str, place))}: {words}" for place, words in _misfits(profile, runbook)]
    if mistakes:
        raise ProfileInvalid(
            f"{name} does not fit the runbook {runbook.id}:",
            mistakes=mistakes,
            remedy="mend the places named, or name another runbook",
        )


def _misfits(profile: Profile, runbook: Runbook) -> Iterator[Contradiction]:
    wanted = {switch.id: switch for switch in runbook.switches}
    for switch_id in profile.switches.keys() - wanted.keys():
        yield ("switches", switch_id), f"the runbook has no such switch; it has {', '.join(wanted)}"
    for switch in wanted.values():
        yield from _switch_misfits(profile, switch)
    surfaces = {surface for item in runbook.checklist for surface in item.surfaces}
    for surface in sorted(surfaces - profile.surfaces.keys()):
        yield ("surfaces", surface), "is missing: the runbook looks at this surface"


def _switch_misfits(profile: Profile, switch: Switch) -> Iterator[Contradiction]:
    settings = profile.switches.get(switch.id)
    if settings is None:
        if profile.operator_api is None:
            yield ("switches", switch.id), f"is missing: the runbook flips {switch.key}"
        return
    values = known_values(settings)
    if values is not None and (lacking := {switch.new_lane, switch.old_lane} - values):
        yield ("switches", switch.id), f"has no value {' and '.join(sorted(lacking))}, which the runbook sets"
