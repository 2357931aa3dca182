"""``drill staging up``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from drills.cli.options import AS_JSON, explained
from drills.target.embedded import ForegroundStaging, StagingReady


@click.group()
def staging() -> None:
    """The embedded staging environment."""


@staging.command("up")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Start with a fault injected.")
@click.option("--profile", type=click.Path(path_type=Path), help="Write a target profile for it to this file.")
@AS_JSON
@explained
def staging_up(faults: Sequence[str], profile: Path | None, *, as_json: bool) -> None:
    """Run an embedded staging in the foreground until Ctrl-C. It outlives any drill."""

    def say(ready: StagingReady) -> None:
        click.echo(_ready_json(ready, profile) if as_json else _ready_text(ready, profile))
        sys.stdout.flush()

    sys.exit(ForegroundStaging(faults, profile).run(say))


def _ready_json(ready: StagingReady, profile: Path | None) -> str:
    return json.dumps(
        {
            "urls": ready.urls,
            "sync_token": ready.sync_token.get_secret_value(),
            "operator_token": ready.operator_token.get_secret_value(),
            "profile": str(profile) if profile else None,
            "pid": ready.pid,
        }
    )


def _ready_text(ready: StagingReady, profile: Path | None) -> str:
    lines = ["The embedded staging is up; Ctrl-C ends it.", ""]
    lines += [f"  {name:13} {url}" for name, url in ready.urls.items()]
    lines += ["", f"  operator token {ready.operator_token.get_secret_value()}"]
    lines += [f"  sync token     {ready.sync_token.get_secret_value()}"]
    lines += ["", f"Drill it: drill run --target {profile}"] if profile else []
    return "\n".join(lines)
