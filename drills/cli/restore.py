"""``drill restore``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from drills.cli.options import AS_JSON, explained
from drills.errors import RunNotFound
from drills.plugin.aftermath import publish_again, unpublished
from drills.report.terminal import shown
from drills.restore import recover
from drills.restore.state import StateFolder
from drills.target import remote_lease
from drills.target.fields import read_secret
from drills.target.operator import OperatorClient
from drills.target.profile import load_profile


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Only say what is left to put back.")
@click.option("--force-unlock", metavar="DRILL_ID", help="Take the lease of a drill that is gone out of its hands.")
@click.option(
    "--target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --force-unlock: take the lease that this target itself handed out, too, wherever its drill runs.",
)
@click.option("--abandon", metavar="DRILL_ID", help="Leave as it is what a drill flipped on a target that is no more.")
@AS_JSON
@explained
def restore(
    force_unlock: str | None, target: Path | None, abandon: str | None, *, only_list: bool, as_json: bool
) -> None:
    """Put back what an interrupted drill left. Safe to repeat."""
    state = StateFolder.default()
    if target and not force_unlock:
        raise click.UsageError("--target says where --force-unlock DRILL_ID is to take a lease; name the drill too")
    for lease in _taken(state, force_unlock, target) if force_unlock else ():
        click.echo(shown(f"taken: {lease}"), err=True)
    if abandon:
        for left in recover.abandon(state, abandon):
            click.echo(shown(f"{left.target}: {left.switch} is abandoned, and may stand at {left.asked!r}"), err=True)
    if only_list:
        _say_unresolved(recover.unresolved(state), as_json=as_json)
        return
    done = recover.restore(state)
    _say_restored(done, as_json=as_json)
    for folder in unpublished(state):
        record, published = publish_again(folder, state)
        click.echo(f"published what drill {record.drill_id} had seen: {published.report}", err=True)
    recover.demand_restored(one.restored for one in done)


def _taken(state: StateFolder, drill_id: str, target: Path | None) -> tuple[str, ...]:
    """Take the leases of a drill, here and at the target, and return whose they were."""
    at_target = _taken_at(target, drill_id) if target else None
    try:
        here = recover.force_unlock(state, drill_id)
    except RunNotFound:
        if at_target is None:
            raise
        return (at_target,)
    return (here.describe(), *filter(None, (at_target,)))


def _taken_at(target: Path, drill_id: str) -> str | None:
    profile = load_profile(target, allow_production=True)  # to put something back is allowed everywhere
    api = profile.operator_api
    if api is None or api.lease_seconds is None:
        return None
    with OperatorClient(api.url, read_secret(api.token)) as operator:
        held = remote_lease.force_unlock(operator, drill_id)
    return f"{held.describe()}; {profile.name} went back to the baseline of that drill" if held else None


def _say_unresolved(left: Sequence[recover.UnresolvedSwitch], *, as_json: bool) -> None:
    rows = [
        {
            "target": one.target,
            "drill_id": one.drill_id,
            "switch": one.switch,
            "baseline": one.baseline,
            "flipped_to": one.asked,
            "held_by": one.held_by,
        }
        for one in left
    ]
    if as_json:
        click.echo(json.dumps({"unresolved": rows}))
        return
    for row, one in zip(rows, left, strict=True):
        click.echo(
            shown("{target}: {switch} was {baseline!r}, drill {drill_id} set it to {flipped_to!r}".format(**row))
        )
        for words in filter(None, (one.held_by and f"in use by {one.held_by}", one.last_attempt)):
            click.echo(shown(f"  {words}"))
    click.echo("nothing is left to put back" if not rows else "type `drill restore` to put it back")


def _say_restored(done: Sequence[recover.RestoredTarget], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"restored": [json.loads(one.restored.model_dump_json()) for one in done]}))
        return
    for one in done:
        for switch in one.restored.switches:
            word = "back at" if switch.restored else "NOT back at"
            click.echo(shown(f"{one.target}: {switch.switch} {word} {switch.baseline!r} ({switch.verified})"))
    if not done:
        click.echo("nothing was left to put back")
