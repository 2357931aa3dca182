"""What several commands share: options, and how an error ends a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from drills.errors import DrillError

OUT = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/sync/status"), help="Where reports are published."
)
TARGET = click.option("--target", default="embedded", show_default=True, metavar="NAME|FILE", help="What to drill.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Data on stdout, everything else on stderr.")
SIGN_KEY = click.option(
    "--sign-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Sign what is published with this key; else with DRILL_SIGNING_KEY_FILE or DRILL_SIGNING_KEY, if set.",
)
USAGE = 2

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def explained(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """End with the error's own exit code after saying what happened, where, and what to type next."""

    @wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return command(*arguments, **options)
        except DrillError as error:
            click.echo(f"drill: {error}", err=True)
            click.echo(f"  about: docs/messages.md#{error.slug}", err=True)
            sys.exit(error.exit_code)

    return run
