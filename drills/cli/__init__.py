"""The ``drill`` command. Each command is a module: it reads its options, calls one room, says what came of it."""

from __future__ import annotations

import click

from drills.cli.compare import compare_command
from drills.cli.doctor import doctor
from drills.cli.export import export
from drills.cli.gates import gates
from drills.cli.history import history
from drills.cli.init import init
from drills.cli.keygen import keygen
from drills.cli.matrix import matrix
from drills.cli.promote import promote_command
from drills.cli.report import report
from drills.cli.restore import restore
from drills.cli.run import run
from drills.cli.staging import staging
from drills.cli.verify import verify_command

COMMANDS = (
    run,
    staging,
    restore,
    report,
    verify_command,
    keygen,
    promote_command,
    compare_command,
    export,
    gates,
    history,
    matrix,
    init,
    doctor,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="khala-drills", prog_name="drill")
def main() -> None:
    """Rehearse a rollout in staging, and leave evidence that can be checked again."""


for command in COMMANDS:
    main.add_command(command)
