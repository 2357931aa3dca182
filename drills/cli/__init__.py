"""The ``drill`` command. Each command is a module: it reads its options, calls one room, says what came of it."""

from __future__ import annotations

from importlib import import_module

import click

#: Where each command is. Its module is read when it is asked for: no command waits for what the others need.
COMMANDS = {
    "run": "run:run",
    "staging": "staging:staging",
    "restore": "restore:restore",
    "report": "report:report",
    "verify": "verify:verify_command",
    "keygen": "keygen:keygen",
    "promote": "promote:promote_command",
    "compare": "compare:compare_command",
    "export": "export:export",
    "gates": "gates:gates",
    "history": "history:history",
    "matrix": "matrix:matrix",
    "init": "init:init",
    "doctor": "doctor:doctor",
}


class Commands(click.Group):
    """The commands of the table, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None if there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"drills.cli.{module}"), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="khala-drills", prog_name="drill")
def main() -> None:
    """Rehearse a rollout in staging, and leave evidence that can be checked again."""
