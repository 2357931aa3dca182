"""What answers at the addresses of a profile: switches, authority, the new lane, metrics, database, clocks."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

from drills.clock import SYSTEM_CLOCK
from drills.errors import DrillError, TargetUnreachable
from drills.evidence.records import Samples
from drills.plugin.doctor.finding import Finding, found, missed
from drills.runbook.model import Runbook
from drills.target.environment import Environment
from drills.target.exchange import Request, send
from drills.target.ports import Switch
from drills.target.profile import Profile
from drills.target.profile.sources import OrganicStimulus
from drills.target.recipes import (
    CommandSwitchRecipe,
    FileSwitchRecipe,
    HttpSwitchRecipe,
    PageSwitchRecipe,
    SwitchRecipe,
)
from drills.verdict.gates import metrics_of

#: Seconds that the clocks of target and machine may lie apart: HTTP tells whole seconds only.
MOST_SKEW, HEAR_SECONDS, FRESH_SECONDS = 2.0, 5.0, 120.0
MOST_PATIENCE_SECONDS, POLL_SECONDS = 20.0, 0.5


def examine_target(profile: Profile, runbook: Runbook) -> Iterator[Finding]:
    """Yield what was found behind the addresses of ``profile``."""
    try:
        with Environment(profile, SYSTEM_CLOCK, lambda *_: None) as environment:
            yield from _switches(environment, runbook)
            yield _authority(environment)
            yield from _new_lane(environment)
            yield _database(environment)
            yield from _metrics(environment, runbook)
    except DrillError as error:
        yield missed("target", error)
    yield _clock(profile)
    if profile.links.logs:
        yield _answers("runtime log", profile.links.logs)


def _switches(environment: Environment, runbook: Runbook) -> Iterator[Finding]:
    try:
        switches = environment.switches()
    except DrillError as error:
        yield missed("switches", error)
        return
    for wanted in runbook.switches:
        if wanted.id in switches:
            yield _switch(switches[wanted.id], {wanted.new_lane, wanted.old_lane})


def _switch(switch: Switch, values: set[str]) -> Finding:
    def look() -> str:
        value = switch.read()
        if value not in values:
            raise TargetUnreachable(f"it reads {value!r}, which is none of {', '.join(sorted(values))}")
        return value

    return found(f"switch {switch.id}", look, _by_hand(switch.recipe))


def _by_hand(recipe: SwitchRecipe) -> str:
    """Return what to type to read a switch by hand."""
    if isinstance(recipe, PageSwitchRecipe):
        return _by_hand(recipe.read)
    if isinstance(recipe, HttpSwitchRecipe):
        return f"curl -i {shlex.quote(recipe.url)}   (with its headers), then check pointer, values and reads"
    if isinstance(recipe, CommandSwitchRecipe):
        return shlex.join(recipe.get)
    if isinstance(recipe, FileSwitchRecipe):
        return f"grep -n {shlex.quote(recipe.key or str(recipe.pointer).rpartition('/')[2])} {recipe.path}"
    return f"{shlex.join(recipe.argv)} & echo $! > {recipe.pid_file}"


def _authority(environment: Environment) -> Finding:
    def look() -> str:
        workers = environment.authority()
        if workers is None:
            return "nobody is asked: checks against the authority will be inconclusive (give [authority])"
        if not workers:
            raise TargetUnreachable(
                "it tells of no worker", remedy="check workers, identifier, sequence in [authority]"
            )
        return f"{len(workers)} workers, up to seq {max(worker.seq for worker in workers.values())}"

    return found("authority", look, "")


def _new_lane(environment: Environment) -> Iterator[Finding]:
    if environment.profile.khala.session is None:
        yield Finding("khala", ok=True, seen="no session is given: the drill has no client of its own there")
        return

    def mint() -> str:
        environment.sync_token()
        return "minted"

    token = found("sync token", mint, "check khala.token_url and khala.session")
    yield token
    if token.ok and environment.listens:
        yield _heard(environment)


def _heard(environment: Environment) -> Finding:
    deadline = time.monotonic() + HEAR_SECONDS
    while environment.listener.trouble and time.monotonic() < deadline:
        time.sleep(0.05)
    if trouble := environment.listener.trouble:
        return Finding("khala", ok=False, seen=trouble, remedy="check khala.socket_url and khala.topic")
    organic = isinstance(environment.profile.stimulus, OrganicStimulus | None)
    return Finding("khala", ok=True, seen="subscribed" + ("; updates are observed as they come" if organic else ""))


def _database(environment: Environment) -> Finding:
    def look() -> str:
        audit = environment.parity_audit()
        if audit is None:
            return "none is named: the drill makes no audit of its own (give [parity])"
        audit.khala_only()
        return "both lanes can be read"

    return found("database", look, "")


def _metrics(environment: Environment, runbook: Runbook) -> Iterator[Finding]:
    """Yield whether each metric that a gate needs is there, and how old its newest sample is."""
    address = environment.profile.metrics.address
    wanted = frozenset(name for gate in runbook.gates for name in metrics_of(gate))
    try:
        samples = _all_samples(environment, wanted)
    except DrillError as error:
        yield missed("metrics", error)
        return
    seen = samples.problems[-1] if samples.problems else f"{address} answers"
    yield Finding("metrics", ok=not samples.problems, seen=seen, remedy=f"curl -i {shlex.quote(address)}")
    if samples.series or not samples.problems:
        for name in sorted({name.removesuffix("_total") for name in wanted}):
            yield _metric(name, samples, address)


def _all_samples(environment: Environment, wanted: frozenset[str]) -> Samples:
    """Return the latest samples, once all are there or nobody can hope for more: the cohort makes some of them.

    A source that answers nothing at all is not given that long.
    """
    source = environment.metrics
    patience = 2 * environment.profile.cohort.reconnect_seconds + source.latency_seconds
    began = time.monotonic()
    while True:
        now = SYSTEM_CLOCK.now()
        source.seen_since(now)
        samples = source.samples(wanted, now - timedelta(seconds=FRESH_SECONDS), SYSTEM_CLOCK.now())
        there = {one.metric.removesuffix("_total") for one in samples.series}
        mute = samples.problems and not samples.series
        limit = min(patience, HEAR_SECONDS if mute else MOST_PATIENCE_SECONDS)
        if there >= {name.removesuffix("_total") for name in wanted} or time.monotonic() > began + limit:
            return samples
        time.sleep(POLL_SECONDS)


def _metric(name: str, samples: Samples, address: str) -> Finding:
    newest = [one.times[-1] for one in samples.series if one.metric in {name, f"{name}_total"} and one.times]
    if not newest:
        remedy = f"look for another name: curl -s {shlex.quote(address)} | grep {name.rpartition('_sync_')[2]}"
        return Finding(f"metric {name}", ok=False, seen=f"no sample of the last {FRESH_SECONDS:g} s", remedy=remedy)
    age = max(samples.finished_at.timestamp() - max(newest), 0.0)
    return Finding(f"metric {name}", ok=True, seen=f"{len(newest)} series, {age:.1f} s old")


def _clock(profile: Profile) -> Finding:
    """Compare this machine's clock with the one that the target's answers are dated by."""
    khala = profile.khala
    address = khala.token_url or next(iter(profile.surfaces.values())).legacy.request

    def look() -> str:
        answer = send(Request("clock", "GET", address, timeout_seconds=5))
        if not answer.date:
            return "the target does not date its answers"
        skew = (parsedate_to_datetime(answer.date) - SYSTEM_CLOCK.now()).total_seconds()
        if abs(skew) > MOST_SKEW:
            raise TargetUnreachable(
                f"the target's clock differs by {skew:+.0f} s; latencies would be wrong",
                remedy="timedatectl set-ntp true   (on whichever machine is wrong)",
            )
        return f"within {MOST_SKEW:g} s of the target's"

    return found("clock", look, "")


def _answers(what: str, address: str) -> Finding:
    def look() -> str:
        answer = send(Request(what, "GET", address, timeout_seconds=10, maximum=20_000_000))
        if answer.status // 100 != 2:  # noqa: PLR2004 - the class of success
            raise TargetUnreachable(f"{address} answers {answer.status}")
        return "answers"

    return found(what, look, f"curl -i {shlex.quote(address)}")
