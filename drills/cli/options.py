"""What several commands share: options, and how an error ends a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from drills.errors import DrillError
from drills.report.terminal import shown
from drills.target.profile.model import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX

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


def _put_into_environment(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> None:
    """Give this process, and all that it starts, the variables by which a profile is overruled."""
    del context
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.BadParameter(
                f"{pair!r} is not KEY=VALUE, such as objectives.lane_target_ms=300", param=parameter
            )
        os.environ[ENVIRONMENT_PREFIX + key.replace(".", ENVIRONMENT_DELIMITER).upper()] = value


#: Wins over the environment and over the file.
SET = click.option(
    "--set",
    multiple=True,
    metavar="KEY=VALUE",
    expose_value=False,
    callback=_put_into_environment,
    help="Overrule one key of the target profile, such as objectives.lane_target_ms=300.",
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def explained(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """End with the error's own exit code after saying what happened, where, and what to type next."""

    @wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return command(*arguments, **options)
        except DrillError as error:
            click.echo(shown(f"drill: {error}"), err=True)
            click.echo(f"  about: docs/messages.md#{error.slug}", err=True)
            sys.exit(error.exit_code)

    return run
