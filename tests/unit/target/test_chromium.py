from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drills.errors import BrowserMissing
from drills.target import chromium
from drills.target.chromium import BrowserChoice, BrowserSource

Executable = Callable[[Path, str], Path]


@pytest.fixture
def executable() -> Executable:
    """Return a maker of small real programs."""

    def make(path: Path, script: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: Executable) -> Path:
    """A machine with nothing on its PATH, no build of Playwright's, and an installer without the internet."""
    monkeypatch.delenv("DRILL_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path / "python", "exit 1")))
    return tmp_path


def test_nothing_is_found_on_a_bare_machine() -> None:
    """Looking for a browser where there is none answers None and installs nothing."""
    assert chromium.find() is None


@pytest.mark.parametrize("command", ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
def test_a_browser_of_the_system_is_found(machine: Path, executable: Executable, command: str) -> None:
    """Each usual name of Chromium or Chrome on the PATH is found, with the version that it tells."""
    path = executable(machine / "bin" / command, "echo Chromium 156.0")

    assert chromium.find() == BrowserChoice(path, BrowserSource.SYSTEM, "Chromium 156.0")


def test_playwrights_own_build_goes_before_the_systems(machine: Path, executable: Executable) -> None:
    """A build that Playwright installed is preferred, and of several the newest, by number and not by letter."""
    executable(machine / "bin/chromium", "echo system")
    executable(machine / "playwright/chromium-999/chrome-linux/chrome", "echo old")
    newest = executable(machine / "playwright/chromium-1255/chrome-linux64/chrome", "echo new")

    assert chromium.find() == BrowserChoice(newest, BrowserSource.PLAYWRIGHT, "new")


def test_playwrights_build_is_looked_for_in_its_usual_folder(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word about the folder, Playwright's cache folder is searched."""
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH")
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "cache"))
    path = executable(machine / "cache/ms-playwright/chromium-1/chrome-linux/chrome", "echo cached")

    assert chromium.find() == BrowserChoice(path, BrowserSource.PLAYWRIGHT, "cached")


def test_the_named_browser_goes_before_all(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DRILL_BROWSER wins over every other browser."""
    executable(machine / "playwright/chromium-1255/chrome-linux64/chrome", "echo new")
    mine = executable(machine / "elsewhere/my-browser", "echo mine")
    monkeypatch.setenv("DRILL_BROWSER", str(mine))

    assert chromium.find() == BrowserChoice(mine, BrowserSource.NAMED, "mine")


@pytest.mark.parametrize("script", ["echo Chromium 1; exit 127", ""], ids=["does not start", "tells nothing"])
def test_a_named_browser_that_does_not_run_is_an_error(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """A wrong DRILL_BROWSER is told, never silently replaced by another browser."""
    executable(machine / "bin/chromium", "echo system")
    monkeypatch.setenv("DRILL_BROWSER", str(executable(machine / "elsewhere/broken", script)))

    with pytest.raises(BrowserMissing, match="DRILL_BROWSER names"):
        chromium.find()


def test_a_named_browser_that_does_not_exist_is_an_error(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DRILL_BROWSER that is no file is told with the variable's name."""
    monkeypatch.setenv("DRILL_BROWSER", str(machine / "nowhere"))

    with pytest.raises(BrowserMissing, match="nowhere"):
        chromium.provide()


def test_a_browser_that_does_not_start_is_passed_over(machine: Path, executable: Executable) -> None:
    """A build without its libraries is no browser: the next one is taken."""
    executable(machine / "playwright/chromium-1255/chrome-linux64/chrome", "echo Chromium 1; exit 127")
    works = executable(machine / "bin/google-chrome", "echo Google Chrome 1")

    assert chromium.find() == BrowserChoice(works, BrowserSource.SYSTEM, "Google Chrome 1")


def test_a_browser_that_hangs_is_passed_over(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that never tells its version costs a bounded time and is not taken."""
    monkeypatch.setattr(chromium, "VERSION_SECONDS", 0.2)
    executable(machine / "bin/chromium", "read line < /dev/zero")

    assert chromium.find() is None


def test_a_found_browser_is_provided_without_installing(machine: Path, executable: Executable) -> None:
    """Where there is a browser, providing one runs no installer."""
    executable(machine / "python", f": > {machine}/installer-ran")
    path = executable(machine / "bin/chromium", "echo Chromium 156.0")

    assert chromium.provide().executable == path
    assert not (machine / "installer-ran").exists()


def test_playwright_is_asked_to_install_its_build_first(machine: Path, executable: Executable) -> None:
    """On a bare machine with the internet, ``playwright install chromium`` gives the browser."""
    downloaded = executable(machine / "download", "echo Chrome for Testing 159")
    folder = machine / "playwright/chromium-1255/chrome-linux64"
    executable(
        machine / "python",
        f"""[ "$*" = "-m playwright install chromium" ] || exit 1
/bin/mkdir -p {folder} && /bin/cp {downloaded} {folder}/chrome""",
    )

    assert chromium.provide() == BrowserChoice(folder / "chrome", BrowserSource.PLAYWRIGHT, "Chrome for Testing 159")


def test_the_package_manager_is_the_last_resort_of_root(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root without the internet for Playwright gets the system's package, after the package lists were updated."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    package = executable(machine / "package", "echo Chromium 156.0")
    words = machine / "words"
    executable(
        machine / "bin/apt-get",
        f'echo "$*" >> {words}; [ "$1" = update ] || /bin/cp {package} {machine}/bin/chromium',
    )

    assert chromium.provide().source == BrowserSource.SYSTEM
    assert words.read_text().splitlines() == ["update", "install --yes --no-install-recommends chromium"]


def test_nobody_but_root_is_given_to_the_package_manager(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not install packages is told what to type instead."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    executable(machine / "bin/apt-get", f": > {machine}/apt-ran")

    with pytest.raises(BrowserMissing) as caught:
        chromium.provide()

    assert "playwright install --with-deps chromium" in caught.value.remedy
    assert not (machine / "apt-ran").exists()


@pytest.mark.parametrize("failing", ["update", "install"])
def test_a_failing_package_manager_ends_in_words(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """When nothing can be installed the error says what to type next."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    executable(machine / "bin/apt-get", f'[ "$1" != {failing} ]')

    with pytest.raises(BrowserMissing, match=r"next: .*playwright install"):
        chromium.provide()


def test_an_installer_that_cannot_start_or_hangs_is_given_up(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installing is time-boxed, and an installer that cannot run at all is one that failed."""
    monkeypatch.setattr(chromium, "INSTALL_SECONDS", 0.2)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    executable(machine / "python", "read line < /dev/zero")
    (machine / "bin").mkdir()
    (machine / "bin/apt-get").write_bytes(b"\x00not a program")
    (machine / "bin/apt-get").chmod(0o755)

    with pytest.raises(BrowserMissing):
        chromium.provide()


@pytest.mark.parametrize(("user", "sandboxed"), [(0, False), (1000, True)])
def test_only_root_goes_without_the_sandbox(monkeypatch: pytest.MonkeyPatch, user: int, *, sandboxed: bool) -> None:
    """The sandbox is left out for root, who cannot use it, and for nobody else."""
    monkeypatch.setattr(os, "geteuid", lambda: user)

    arguments = chromium.launch_arguments()

    assert ("--no-sandbox" not in arguments) is sandboxed
    assert "--disable-background-networking" in arguments


def test_windows_takes_chrome_from_its_place(
    machine: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows Chrome opens a window when asked for its version, so being there is enough."""
    path = executable(machine / "chrome.exe", "exit 1")
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setattr(chromium, "APPLICATIONS", {"Windows": (str(path),)})

    assert chromium.find() == BrowserChoice(path, BrowserSource.SYSTEM, "version not told")


def test_a_machine_is_prepared_from_the_command_line(
    machine: Path, executable: Executable, caplog: pytest.LogCaptureFixture
) -> None:
    """``python -m drills.target.chromium`` names the browser that will be used."""
    caplog.set_level("INFO")
    path = executable(machine / "bin/chromium", "echo Chromium 156.0")

    assert chromium.main() == 0
    assert caplog.messages == [f"Chromium 156.0: {path} (system)"]


def test_preparing_a_machine_fails_with_the_errors_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a browser the command ends with 2 and the remedy."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert chromium.main() == 2
