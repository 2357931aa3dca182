"""Nothing of a staging outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Run, Staging, Start, Wait


def all_there(staging: Staging) -> bool:
    """Whether every kind of process of the staging is running: two backends, three surfaces, leash and Chromium."""
    commands = staging.leftovers()
    wanted = (
        "staging.runtime",
        "staging.convex",
        "surfaces web",
        "surfaces mobile",
        "surfaces desktop",
        "leash",
        "--type=",
    )
    return all(any(part in command for command in commands) for part in wanted)


def kill(staging: Staging) -> None:
    """Let the supervisor die without a chance to say a word."""
    staging.process.kill()


def kill_group(staging: Staging) -> None:
    """Let everything in the supervisor's process group die at once."""
    os.killpg(staging.process.pid, signal.SIGKILL)


def hang_up(staging: Staging) -> None:
    """End the supervisor's standard input, as the system does when its parent dies."""
    assert staging.process.stdin is not None
    staging.process.stdin.close()


def terminate(staging: Staging) -> None:
    """Ask the supervisor to end."""
    staging.process.send_signal(signal.SIGTERM)


def interrupt(staging: Staging) -> None:
    """Press Ctrl-C."""
    staging.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("end", [kill, kill_group], ids=["supervisor", "process group"])
def test_a_killed_staging_leaves_no_process(run: Run, wait: Wait, end: object) -> None:
    """After SIGKILL every child, the desktop's leash and every process of its Chromium are gone."""
    assert callable(end)
    with run() as staging:
        wait(lambda: all_there(staging), "everything is running")
        end(staging)
        assert staging.process.wait(10) == -signal.SIGKILL
        wait(lambda: staging.leftovers() == [], "every process is gone")


@pytest.mark.parametrize("end", [hang_up, terminate, interrupt])
def test_an_ended_staging_leaves_nothing(run: Run, wait: Wait, end: object) -> None:
    """Asked to end, or left by its parent, it exits with 0 and leaves neither a process nor its temporary folder."""
    assert callable(end)
    with run("--with-parent") as staging:
        wait(lambda: all_there(staging), "everything is running")
        end(staging)
        assert staging.process.wait(15) == 0
        assert staging.leftovers() == []
        assert not staging.state_dir.exists()


def test_without_a_parent_it_stays(run: Run) -> None:
    """Unless told otherwise the end of its standard input means nothing to a staging."""
    with run() as staging:
        hang_up(staging)
        assert staging.flip("web", "true")["value"] == "true"


def test_it_can_be_ended_while_it_starts(start_staging: Start, wait: Wait) -> None:
    """SIGTERM before it is up ends it with code 0 and without a word."""
    process: subprocess.Popen[bytes] = start_staging()
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait(lambda: children.read_text(encoding="ascii"), "a child is started")
        process.send_signal(signal.SIGTERM)
        assert (process.stdout.read(), process.wait(15)) == (b"", 0)


def test_a_named_state_folder_is_kept(run: Run, tmp_path: Path) -> None:
    """A folder of the user's own stays, with the database and logs in it and without the secrets."""
    folder = tmp_path / "kept"
    with run("--state-dir", str(folder)) as staging:
        assert staging.state_dir == folder
    names = {path.name for path in folder.iterdir()}
    assert {"staging.sqlite", "runtime.log", "web.log"} <= names
    assert [name for name in names if name.startswith("config")] == []
