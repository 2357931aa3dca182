"""Finding a Chromium that can be driven, and getting one where there is none.

The order is fixed: what ``DRILL_BROWSER`` names, what Playwright installed for itself, what the system has. Only then
is anything installed: Playwright's own build first, then the system's package where that needs no question (root on
Debian or Ubuntu). A browser counts as found when it answers with its version; one that lacks a library does not.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from drills.errors import BrowserMissing

VARIABLE = "DRILL_BROWSER"
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Where each system keeps applications that are not on the PATH.
APPLICATIONS = {
    "Darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "Windows": (
        r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
        r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    ),
}
#: The executable inside a build that Playwright installed, for each system it builds for.
PLAYWRIGHT_LAYOUTS = ("chrome-linux*/chrome", "chrome-mac*/*.app/Contents/MacOS/*", "chrome-win*/chrome.exe")
VERSION_SECONDS = 20.0
INSTALL_SECONDS = 300.0

_log = logging.getLogger(__name__)


class BrowserSource(StrEnum):
    """Who provides a browser."""

    NAMED = VARIABLE
    PLAYWRIGHT = "playwright"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class BrowserChoice:
    """A browser that runs: where it is, who provides it, and the version that it told."""

    executable: Path
    source: BrowserSource
    version: str


def find() -> BrowserChoice | None:
    """Return the first browser that runs, or None. Nothing is installed.

    Raises:
        BrowserMissing: ``DRILL_BROWSER`` names something that does not run.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _named(named)
    return next((choice for source, path in _places() if (choice := _examine(source, path))), None)


def provide() -> BrowserChoice:
    """Return a browser that runs, installing one where that needs no question.

    Raises:
        BrowserMissing: none was found and none could be installed; the remedy is what to type.
    """
    choice = find()
    for commands in _installations():
        if choice is not None:
            break
        choice = find() if all(_install(command) for command in commands) else None
    if choice is None:
        raise BrowserMissing("No Chromium or Chrome was found, and none could be installed.", remedy=_remedy())
    return choice


def launch_arguments() -> list[str]:
    """Return the flags that keep a drill's browser quiet; root may not use the sandbox, so only root goes without."""
    return [*(["--no-sandbox"] if _is_root() else []), *FLAGS]


def main() -> int:
    """Provide a browser and say which one it is; ``python -m drills.target.chromium`` prepares a machine."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        choice = provide()
    except BrowserMissing as error:
        _log.error("%s", error)
        return error.exit_code
    _log.info("%s: %s (%s)", choice.version, choice.executable, choice.source)
    return 0


def _named(name: str) -> BrowserChoice:
    """Return the browser that the user asked for; another one in its place would be a surprise."""
    found = shutil.which(name)
    choice = _examine(BrowserSource.NAMED, Path(found)) if found else None
    if choice is None:
        raise BrowserMissing(
            f"{VARIABLE} names {name!r}, which is not a browser that runs.",
            remedy=f"unset {VARIABLE}, or set it to the path of a Chromium or Chrome executable",
        )
    return choice


def _places() -> Iterator[tuple[BrowserSource, Path]]:
    for path in _playwright_builds():
        yield BrowserSource.PLAYWRIGHT, path
    for command in COMMANDS:
        if found := shutil.which(command):
            yield BrowserSource.SYSTEM, Path(found)
    for application in APPLICATIONS.get(platform.system(), ()):
        yield BrowserSource.SYSTEM, Path(os.path.expandvars(application))


def _playwright_builds() -> list[Path]:
    """Return Playwright's Chromium builds, newest first. The folder is the one its documentation names."""
    folders = sorted(_playwright_folder().glob("chromium-*"), key=_revision, reverse=True)
    return [path for folder in folders for layout in PLAYWRIGHT_LAYOUTS for path in sorted(folder.glob(layout))]


def _playwright_folder() -> Path:
    caches = {
        "Darwin": Path.home() / "Library/Caches",
        "Windows": Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"),
    }
    cache = caches.get(platform.system(), Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"))
    return Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache / "ms-playwright")


def _revision(folder: Path) -> int:
    number = folder.name.removeprefix("chromium-")
    return int(number) if number.isdigit() else 0


def _examine(source: BrowserSource, path: Path) -> BrowserChoice | None:
    """Return the browser at ``path`` if it runs. On Windows Chrome opens a window instead of telling its version."""
    if not path.is_file():
        return None
    if platform.system() == "Windows":
        return BrowserChoice(path, source, "version not told")
    version = _told_version(path)
    return BrowserChoice(path, source, version) if version else None


def _told_version(path: Path) -> str | None:
    try:
        told = subprocess.run(  # noqa: S603 - the browser that is about to be driven
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("%s does not run: %s", path, error)
        return None
    return told.stdout.strip() or None


def _installations() -> Iterator[tuple[list[str], ...]]:
    """Yield ways to install a browser, cheapest first; each is a row of commands that must all succeed."""
    yield ([sys.executable, "-m", "playwright", "install", "chromium"],)
    if _is_root() and (apt := shutil.which("apt-get")):
        yield [apt, "update"], [apt, "install", "--yes", "--no-install-recommends", "chromium"]


def _install(command: list[str]) -> bool:
    """Run one command of an installation and say whether it succeeded; without the internet it soon says no."""
    _log.info("no browser yet: running %s", " ".join(command))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of words, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s: %s", command[0], error)
        return False
    return done.returncode == 0


def _remedy() -> str:
    return (
        f"{sys.executable} -m playwright install --with-deps chromium"
        f"   (or install Chromium with the system's package manager, or set {VARIABLE} to an executable)"
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


if __name__ == "__main__":
    sys.exit(main())
