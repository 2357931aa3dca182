"""``drill report``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from drills.cli.options import OUT, SIGN_KEY, explained
from drills.plugin.aftermath import find_run, publish_again
from drills.plugin.publishing import exit_code
from drills.restore.state import StateFolder


@click.command()
@click.argument("run_id", metavar="RUN")
@OUT
@SIGN_KEY
@explained
def report(run_id: str, out: Path, sign_key: Path | None) -> None:
    """Judge a run of this machine again from its ledger, and publish its report."""
    state = StateFolder.default()
    record, published = publish_again(find_run(state, run_id), state, out, sign_key=sign_key)
    click.echo(f"{record.verdict}: {published.report}")
    sys.exit(exit_code(record))
