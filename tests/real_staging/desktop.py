"""The desktop application: a Chromium in app mode, started by itself and joined over its debugging port."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from drills.target.chromium import find
from tests.real_staging.processes import LOOPBACK, answers, free_port, running

FLAGS = ("--headless=new", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run", "--no-proxy-server")


@contextmanager
def desktop(folder: Path, page: str) -> Generator[str]:
    """Show ``page`` in an application window and yield the debugging address."""
    folder.mkdir()
    browser = find()
    if browser is None:
        raise FileNotFoundError("there is no Chromium")
    port = free_port()
    command = [
        str(browser.executable),
        f"--app={page}",
        f"--user-data-dir={folder / 'profile'}",
        f"--remote-debugging-port={port}",
        *FLAGS,
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    address = f"http://{LOOPBACK}:{port}"
    with running(command, folder / "chromium.log", lambda: answers(f"{address}/json/version")):
        yield address
