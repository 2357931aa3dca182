"""The desktop's window: a Chromium in app mode on the shell's own page, joined by others over its debugging port.

The window lives on a leash (:mod:`drills.staging.leash`): when the shell is gone, however it went, so is Chromium.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from drills.staging.leash import COMMAND as LEASH

HEADED_VARIABLE = "STAGING_DESKTOP_HEADED"
#: Chromium writes its debugging port and path here once it listens.
PORT_FILE = "DevToolsActivePort"
OPENING_SECONDS = 20.0
CLOSING_SECONDS = 3.0
LOOK_SECONDS = 0.01
_FLAGS: Final = (
    "--remote-debugging-port=0",
    "--window-size=1000,700",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--password-store=basic",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-component-update",
    "--disable-background-networking",
    # A shell's window goes on working behind others.
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
)


class WindowState(StrEnum):
    """Whether the window can be seen."""

    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"


def arguments(url: str, profile: Path, environment: Mapping[str, str], *, privileged: bool) -> tuple[str, ...]:
    """Return Chromium's arguments. The window is on a display only where there is one and it is asked for.

    ``privileged`` is for root, under whom Chromium's sandbox cannot start.
    """
    headed = bool(environment.get("DISPLAY")) and environment.get(HEADED_VARIABLE) == "1"
    return (
        f"--app={url}",
        f"--user-data-dir={profile}",
        *_FLAGS,
        *(() if headed else ("--headless=new",)),
        *(("--no-sandbox",) if privileged else ()),
    )


def debugging_address(profile: Path) -> str | None:
    """Return the address of the DevTools protocol, or None while Chromium does not listen yet."""
    with suppress(FileNotFoundError):
        port, newline, _ = (profile / PORT_FILE).read_text(encoding="ascii").partition("\n")
        return f"http://127.0.0.1:{port}" if newline else None
    return None


class Window:
    """One Chromium window, from its opening to its end. ``cdp_url`` is None until it can be joined."""

    def __init__(self, browser: Path, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._leash: Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.cdp_url: str | None = None

    @property
    def state(self) -> WindowState:
        """Whether the window is being opened, is open, or is gone."""
        if self._watch is None or self._watch.done():
            return WindowState.CLOSED
        return WindowState.OPEN if self.cdp_url else WindowState.OPENING

    async def open(self, url: str) -> None:
        """Start Chromium on ``url`` and return at once; :attr:`state` says when the window can be joined."""
        profile = Path(mkdtemp(prefix="window-", dir=self._folder))
        self._leash = await asyncio.create_subprocess_exec(
            *(*LEASH, profile, self._browser),
            *arguments(url, profile, os.environ, privileged=os.geteuid() == 0),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            # A signal to the shell's process group must not take the leash before it has done its work.
            start_new_session=True,
        )
        self._watch = asyncio.create_task(self._follow(self._leash, profile))

    async def close(self) -> None:
        """End Chromium and everything it started."""
        if self._leash is None or self._watch is None:
            return
        if self._leash.stdin:
            self._leash.stdin.close()
        await asyncio.wait({self._watch}, timeout=CLOSING_SECONDS)

    async def _follow(self, leash: Process, profile: Path) -> None:
        ended = asyncio.create_task(leash.wait())
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING_SECONDS):
                while not (ended.done() or (address := debugging_address(profile))):
                    await asyncio.wait({ended}, timeout=LOOK_SECONDS)
                self.cdp_url = None if ended.done() else address
        await ended
        self.cdp_url = None
