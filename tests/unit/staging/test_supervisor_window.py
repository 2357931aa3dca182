from __future__ import annotations

from pathlib import Path

import pytest

from drills.staging.surfaces.watermarks import WatermarkFile
from drills.staging.surfaces.window import arguments, debugging_address

PROFILE = Path("/tmp/profile")  # noqa: S108 - never opened


@pytest.mark.parametrize(
    ("environment", "headless"),
    [
        ({}, True),
        ({"DISPLAY": ":0"}, True),
        ({"STAGING_DESKTOP_HEADED": "1"}, True),
        ({"DISPLAY": ":0", "STAGING_DESKTOP_HEADED": "1"}, False),
    ],
)
def test_the_window_is_shown_only_where_it_can_and_shall_be(environment: dict[str, str], *, headless: bool) -> None:
    """Without a display, or without being asked for, the window is headless."""
    assert ("--headless=new" in arguments("http://a/", PROFILE, environment, privileged=False)) is headless


@pytest.mark.parametrize("privileged", [True, False])
def test_only_root_goes_without_the_sandbox(*, privileged: bool) -> None:
    """Chromium's sandbox is given up where it cannot start, and nowhere else."""
    assert ("--no-sandbox" in arguments("http://a/", PROFILE, {}, privileged=privileged)) is privileged


def test_the_window_has_a_page_a_profile_and_a_port() -> None:
    """The window opens the shell's page with a private profile, and tells its debugging port."""
    words = arguments("http://a/", PROFILE, {}, privileged=False)
    assert {"--app=http://a/", f"--user-data-dir={PROFILE}", "--remote-debugging-port=0"} <= set(words)


def test_the_debugging_address_is_told_once_it_is_whole(tmp_path: Path) -> None:
    """A port file that is not there yet, or half written, is no address."""
    assert debugging_address(tmp_path) is None
    told = tmp_path / "DevToolsActivePort"
    told.write_text("412", encoding="ascii")
    assert debugging_address(tmp_path) is None
    told.write_text("41234\n/devtools/browser/1", encoding="ascii")
    assert debugging_address(tmp_path) == "http://127.0.0.1:41234"


def test_watermarks_outlive_whoever_wrote_them(tmp_path: Path) -> None:
    """A new shell reads what the one before it kept; replacing forgets topics that are not named."""
    path = tmp_path / "watermarks.sqlite"
    assert WatermarkFile(path).read() == {}
    WatermarkFile(path).replace({"a": 3, "b": 5})
    assert WatermarkFile(path).read() == {"a": 3, "b": 5}
    WatermarkFile(path).replace({"a": 4})
    assert WatermarkFile(path).read() == {"a": 4}
