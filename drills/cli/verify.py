"""``drill verify``."""

from __future__ import annotations

from pathlib import Path

import click

from drills.attestation import verify
from drills.cli.options import explained


@click.command("verify")
@click.argument("place", metavar="REPORT.md|FOLDER", type=click.Path(path_type=Path))
@explained
def verify_command(place: Path) -> None:
    """Check a published drill offline: digests, ledger chain, and every verdict computed again."""
    verified = verify(place)
    click.echo(f"{verified.files} files unchanged, {verified.entries} ledger entries in their chain")
    click.echo(f"every verdict follows from the ledger: {verified.record.verdict}, {verified.record.decision.value}")
    click.echo("unsigned: this shows that the evidence is consistent, not who published it")
