"""Everything that a drill on a target needs, looked at one after the other. Nothing is flipped."""

from __future__ import annotations

from collections.abc import Iterator

from drills.plugin.doctor.finding import Finding, found
from drills.plugin.doctor.machine import examine_machine
from drills.plugin.doctor.pages import examine_pages
from drills.plugin.doctor.target import examine_target
from drills.plugin.drill_plan import plan_drill
from drills.plugin.options import EMBEDDED
from drills.runbook.model import Runbook
from drills.target.fields import SecretReference, read_secret
from drills.target.profile import Profile, demand_fit
from drills.target.profile.references import references


def examine(target: str) -> Iterator[Finding]:
    """Look at everything that a drill on ``target`` needs, and yield what was found.

    Raises:
        ConfigurationError: the target profile is wrong.
    """
    plan = plan_drill(target, allow_production=True) if target != EMBEDDED else None
    yield from examine_machine()
    if plan is None or plan.profile is None:
        return
    profile, runbook = plan.profile, plan.runbook
    yield _fit(profile, runbook, target)
    secrets = list(_secrets(profile))
    yield from secrets
    if all(secret.ok for secret in secrets):
        yield from examine_target(profile, runbook)
        yield from examine_pages(profile)


def _fit(profile: Profile, runbook: Runbook, target: str) -> Finding:
    def look() -> str:
        demand_fit(profile, runbook, target)
        return f"it has all that the runbook {runbook.id} flips and looks at"

    return found("profile", look, "")


def _secrets(profile: Profile) -> Iterator[Finding]:
    for place, reference in references(profile):
        yield _secret(place, reference)


def _secret(place: str, reference: SecretReference) -> Finding:
    def look() -> str:
        read_secret(reference)
        return f"it is in {reference.place}"

    remedy = f"export {reference.env}=…" if reference.env else f"put it into {reference.file}"
    return found(f"secret {place}", look, remedy)
