"""``drill keygen``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from drills.cli.options import explained
from drills.evidence.durable import PRIVATE_FOLDER
from drills.evidence.key_files import KEY_FILE_VARIABLE, write_key_pair


@click.command()
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the private key goes; the public one gets '.pub' after it. Default: your configuration folder.",
)
@explained
def keygen(path: Path | None) -> None:
    """Make a key that signs what drills publish. Nothing is overwritten."""
    path = path or _default()
    key = write_key_pair(path)
    click.echo(f"private key: {path}, for you alone: never commit it, never send it")
    click.echo(f"public key:  {path}.pub, for everyone who verifies, by a way that they trust")
    click.echo(f"fingerprint: {key.public.fingerprint}")
    click.echo(f"next: drill run --sign-key {path}, or export {KEY_FILE_VARIABLE}={path}")


def _default() -> Path:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "khala-drills"
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return folder / "signing.key"
