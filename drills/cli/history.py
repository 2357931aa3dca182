"""``drill history``."""

from __future__ import annotations

from pathlib import Path

import click

from drills.cli.options import OUT, explained
from drills.plugin.publishing import write_index


@click.command()
@OUT
@explained
def history(out: Path) -> None:
    """Write the index of published drills anew."""
    click.echo(write_index(out).read_text(encoding="utf-8"))
