"""``drill init``."""

from __future__ import annotations

from pathlib import Path

import click

from drills.cli.options import explained
from drills.target.profile.draft import SWITCH_KINDS, Answers, write_draft


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("staging.toml"))
@click.option(
    "--name", prompt="Name of the environment, as reports show it", default="staging", help="Such as staging."
)
@click.option(
    "--environment",
    prompt="What it is",
    type=click.Choice(["staging", "production"]),
    default="staging",
    help="A production environment is drilled only with --allow-production.",
)
@click.option("--runtime-url", prompt="Runtime, which serves the API and Khala's socket", help="Such as https://…")
@click.option("--convex-url", prompt="Convex host, which the new lane must leave alone", help="Such as https://…")
@click.option("--metrics-url", prompt="Prometheus, or another server with its API", help="Such as https://…")
@click.option("--dashboard-url", prompt="Parity dashboard", help="Such as https://…")
@click.option("--web-url", prompt="Web admin", help="Such as https://…")
@click.option("--mobile-url", prompt="Mobile, as mobile web", help="Such as https://…")
@click.option(
    "--desktop-debugger",
    prompt="Debugging address of the desktop application",
    default="http://127.0.0.1:9222",
    help="What the application is started with as --remote-debugging-port.",
)
@click.option(
    "--client-switches",
    prompt="How client flags are flipped",
    type=click.Choice(SWITCH_KINDS),
    default="command",
    help="The kind of switch that is drafted for web, mobile and desktop.",
)
@click.option(
    "--runtime-switches",
    prompt="How runtime settings are flipped",
    type=click.Choice(SWITCH_KINDS),
    default="command",
    help="The kind of switch that is drafted for sink path and parity auditor.",
)
@explained
def init(file: Path, **answers: str) -> None:
    """Write a commented target profile to FILE, from answers or flags, and its schema beside it for the editor.

    A file that is there is not overwritten. What was not asked is in the file as a comment.
    """
    written = write_draft(file, Answers(**answers))
    click.echo(f"wrote {' and '.join(str(path) for path in written)}")
    click.echo(f"next: mend what says TODO, export the variables it names, then: drill doctor --target {file}")
