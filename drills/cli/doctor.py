"""``drill doctor``."""

from __future__ import annotations

import sys

import click

from drills.cli.options import TARGET, USAGE, explained
from drills.plugin.doctor import examine


@click.command()
@TARGET
@explained
def doctor(target: str) -> None:
    """Check browser, target, git and disk: what is missing, and the command that mends it."""
    findings = list(examine(target))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'MISS'} {finding.what}: {finding.seen}")
        if finding.remedy and not finding.ok:
            click.echo(f"     next: {finding.remedy}")
    sys.exit(0 if all(finding.ok for finding in findings) else USAGE)
