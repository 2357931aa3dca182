"""A real nginx in front of the web admin: who has not signed in at Unleash does not get through."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from tests.real_staging.processes import LOOPBACK, answers, program, running

CONFIGURATION = Path(__file__).with_name("nginx.conf")


@contextmanager
def proxy(folder: Path, port: int, web: str, unleash: str) -> Generator[str]:
    """Serve ``web`` on ``port``, behind the login of ``unleash``, and yield the address."""
    folder.mkdir()
    text = Template(CONFIGURATION.read_text(encoding="utf-8")).safe_substitute(
        FOLDER=folder, LISTEN=f"{LOOPBACK}:{port}", WEB=web, UNLEASH=unleash
    )
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    command = [
        program("nginx", "/usr/sbin"),
        "-p",
        f"{folder}",
        "-c",
        f"{folder}/nginx.conf",
        "-e",
        f"{folder}/error.log",
    ]
    address = f"http://{LOOPBACK}:{port}"
    with running(command, folder / "nginx.log", lambda: answers(f"{address}/healthz")):
        yield address
