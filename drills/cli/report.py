"""``drill report``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from drills.cli.options import OUT, explained
from drills.plugin.aftermath import find_run, publish_again
from drills.plugin.publishing import exit_code
from drills.restore.state import StateFolder


@click.command()
@click.argument("run_id", metavar="RUN")
@OUT
@explained
def report(run_id: str, out: Path) -> None:
    """Judge a run of this machine again from its ledger, and publish its report."""
    state = StateFolder.default()
    record, published = publish_again(find_run(state, run_id), state, out)
    click.echo(f"{record.verdict}: {published.report}")
    sys.exit(exit_code(record))
