"""``drill doctor``."""

from __future__ import annotations

import sys

import click

from drills.cli.options import SET, TARGET, USAGE, explained
from drills.plugin.doctor import examine
from drills.report.terminal import shown


@click.command()
@TARGET
@SET
@explained
def doctor(target: str) -> None:
    """Check machine, profile, switches, metrics and pages against reality, and say what to type for each miss.

    Nothing is flipped. Ends with 0 when nothing is missing, otherwise with 2.
    """
    missed = 0
    for finding in examine(target):
        click.echo(shown(f"{'ok  ' if finding.ok else 'MISS'} {finding.what}: {finding.seen}"))
        if not finding.ok:
            missed += 1
            click.echo(f"     next: {finding.remedy or 'mend the profile'}")
    sys.exit(USAGE if missed else 0)
