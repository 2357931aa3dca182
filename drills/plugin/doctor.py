"""What a drill needs and whether it is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drills.clock import SYSTEM_CLOCK
from drills.errors import DrillError
from drills.evidence.provenance import gather
from drills.plugin.options import EMBEDDED
from drills.restore.state import StateFolder
from drills.runbook.load import load_runbook
from drills.target.chromium import find
from drills.target.environment import Environment
from drills.target.fields import read_secret
from drills.target.metrics.sources import metric_source
from drills.target.profile import Profile, load_profile
from drills.verdict.gates import metrics_of

FREE_BYTES = 200_000_000
INSTALL_BROWSER = "python3 -m playwright install --with-deps chromium"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, whether it is fine, what was seen, and what to type when it is not."""

    what: str
    ok: bool
    seen: str
    remedy: str = ""


def examine(target: str) -> Iterator[Finding]:
    """Look at everything that a drill on ``target`` needs, and yield what was found.

    Raises:
        ConfigurationError: the target profile is wrong.
    """
    yield _browser()
    yield _git()
    yield _disk()
    if target != EMBEDDED:
        yield from _target(load_profile(Path(target), allow_production=True))


def _browser() -> Finding:
    try:
        choice = find()
    except DrillError as error:
        return Finding("browser", ok=False, seen=error.message, remedy=error.remedy)
    if choice is None:
        return Finding("browser", ok=False, seen="none found", remedy=INSTALL_BROWSER)
    return Finding("browser", ok=True, seen=f"{choice.version} ({choice.executable})")


def _git() -> Finding:
    provenance = gather(Path.cwd())
    if provenance.commit is None:
        return Finding("git", ok=False, seen=provenance.note, remedy="run the drill inside the repository under drill")
    return Finding("git", ok=True, seen=f"{provenance.commit.sha[:12]} {'(dirty)' if provenance.dirty else ''}".strip())


def _disk() -> Finding:
    root = StateFolder.default().runs
    free = shutil.disk_usage(root).free
    return Finding("disk", ok=free > FREE_BYTES, seen=f"{free // 1_000_000} MB free", remedy=f"make room in {root}")


def _target(profile: Profile) -> Iterator[Finding]:
    try:
        with Environment(profile, SYSTEM_CLOCK, lambda *_: None) as environment:
            switches = {name: switch.read() for name, switch in environment.switches().items()}
            yield Finding(
                "switches", ok=bool(switches), seen=", ".join(f"{name}={switches[name]}" for name in switches)
            )
            environment.sync_token()
            yield Finding("sync token", ok=True, seen="minted")
    except DrillError as error:
        yield Finding("target", ok=False, seen=error.message, remedy=error.remedy)
    yield _metrics(profile)


def _metrics(profile: Profile) -> Finding:
    """Say how many of the series that gates need have a sample of late."""
    wanted = frozenset(name for gate in load_runbook(profile.runbook).gates for name in metrics_of(gate))
    try:
        with metric_source(profile.metrics, clock=SYSTEM_CLOCK, read=read_secret) as source:
            now = SYSTEM_CLOCK.now()
            source.seen_since(now)
            since = now - timedelta(seconds=2 * source.latency_seconds)
            samples = source.samples(wanted, since, SYSTEM_CLOCK.now())
    except DrillError as error:
        return Finding("metrics", ok=False, seen=error.message, remedy=error.remedy)
    seen = "; ".join([f"{len(samples.series)} series that gates need", *samples.problems])
    return Finding("metrics", ok=bool(samples.series), seen=seen, remedy=f"check {profile.metrics.address}")
