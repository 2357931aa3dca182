"""``drill matrix``."""

from __future__ import annotations

import json

import click

from drills.cli.options import AS_JSON
from drills.target.embedded import CAUGHT_BY, fault_names


@click.command()
@AS_JSON
def matrix(*, as_json: bool) -> None:
    """List the faults that can be injected, and the checks that have been seen to catch them."""
    rows = [{"fault": name, "caught_by": list(CAUGHT_BY.get(name, ()))} for name in fault_names()]
    if as_json:
        click.echo(json.dumps({"faults": rows}))
        return
    for row in rows:
        click.echo(f"{row['fault']:24} {', '.join(row['caught_by'])}")
