"""``drill history``."""

from __future__ import annotations

from pathlib import Path

import click

from drills.cli.options import OUT, explained
from drills.plugin.publishing import decisions_of, write_index


@click.command()
@OUT
@explained
def history(out: Path) -> None:
    """Write the index of published drills and stage decisions anew; a log of decisions that was altered is told."""
    click.echo(write_index(out).read_text(encoding="utf-8"))
    decisions_of(out)
