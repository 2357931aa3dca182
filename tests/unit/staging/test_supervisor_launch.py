from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from drills.errors import ConfigurationError
from drills.staging import settings
from drills.staging.supervisor.launch import ADDRESSES, Options, find_browser, parse, prepare, private_folder


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A program by the name of Chromium, in a folder of its own."""
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.touch(mode=0o755)
    return program


def test_the_command_line_is_read_once() -> None:
    """Every option arrives in its type; faults add up."""
    options = parse([
        *("--with-parent", "--fault", "khala-lag", "--fault", "khala-drop", "--database-url", "sqlite://"),
        *("--state-dir", "state", "--legacy-poll-seconds", "1.5", "--convex-poll-seconds", "1"),
    ])  # fmt: skip
    assert options == Options(
        with_parent=True,
        faults=("khala-lag", "khala-drop"),
        database_url="sqlite://",
        state_dir=Path("state"),
        legacy_poll_seconds=1.5,
        convex_poll_seconds=1.0,
    )


def test_without_options_everything_is_left_open() -> None:
    """An empty command line decides nothing."""
    assert parse([]) == Options()


def test_an_unknown_option_ends_with_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake on the command line is told on standard error, with code 2."""
    with pytest.raises(SystemExit) as ended:
        parse(["--falt", "khala-lag"])
    assert ended.value.code == 2
    assert "--falt" in capsys.readouterr().err


def test_each_launch_has_addresses_and_secrets_of_its_own(tmp_path: Path, browser: Path) -> None:
    """Two stagings share neither an address nor a secret, and the children read what was written."""
    environment = {"PATH": str(browser.parent)}
    first, second = (prepare(Options(state_dir=tmp_path / name), environment) for name in ("one", "two"))
    try:
        ports = {listener.getsockname() for launch in (first, second) for listener in launch.listeners.values()}
        assert len(ports) == 2 * len(ADDRESSES)
        tokens = {launch.config.operator_token.get_secret_value() for launch in (first, second)}
        keys = {key.secret.get_secret_value() for launch in (first, second) for key in launch.config.jwt_keys}
        assert (len(tokens), len(keys)) == (2, 4)
        assert settings.load(first.config_path) == first.config
        assert first.config.browser_executable == browser
    finally:
        first.clean_up()
        second.clean_up()


def test_cleaning_up_removes_only_what_was_made(tmp_path: Path, browser: Path) -> None:
    """The secrets go and the sockets are closed; a folder that was named stays with everything else in it."""
    launch = prepare(Options(state_dir=tmp_path / "state"), {"PATH": str(browser.parent)})
    (tmp_path / "state" / "note").touch()
    launch.clean_up()
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["note"]
    assert {listener.fileno() for listener in launch.listeners.values()} == {-1}


def test_a_temporary_folder_is_removed(browser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that nobody named is the launch's own, from its making to its end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launch = prepare(Options(), {"PATH": str(browser.parent)})
    assert launch.config.state_dir.parent == tmp_path
    launch.clean_up()
    assert not launch.config.state_dir.exists()


def test_values_that_the_settings_refuse_are_all_told(browser: Path, tmp_path: Path) -> None:
    """Every mistake is reported at once, by the name of its setting."""
    options = Options(state_dir=tmp_path / "state", legacy_poll_seconds=0, convex_poll_seconds=float("nan"))
    with pytest.raises(ConfigurationError) as refused:
        prepare(options, {"PATH": str(browser.parent)})
    assert [mistake.partition(":")[0] for mistake in refused.value.mistakes] == [
        "legacy_poll_seconds",
        "convex_poll_seconds",
    ]


def test_the_browser_is_the_one_that_is_named(browser: Path) -> None:
    """``DRILL_BROWSER`` wins over what the PATH has."""
    other = browser.with_name("my-browser")
    other.touch(mode=0o755)
    assert find_browser({"PATH": str(browser.parent), "DRILL_BROWSER": str(other)}) == other
    assert find_browser({"PATH": str(browser.parent)}) == browser


@pytest.mark.parametrize(("named", "says"), [({"DRILL_BROWSER": "/nowhere"}, "/nowhere"), ({}, "no Chromium")])
def test_a_missing_browser_is_told_with_a_remedy(tmp_path: Path, named: dict[str, str], says: str) -> None:
    """What is missing is named, and so is the variable that mends it."""
    with pytest.raises(ConfigurationError, match=says) as refused:
        find_browser({"PATH": str(tmp_path), **named})
    assert "DRILL_BROWSER" in refused.value.remedy


def test_a_new_state_folder_is_private(tmp_path: Path) -> None:
    """Only its owner may enter a folder that is made for a staging."""
    umask = os.umask(0)
    try:
        made = private_folder(tmp_path / "deep" / "state")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
