"""What is on a leash ends with the one who holds it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drills.staging.leash import COMMAND

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Wait

#: A command with a child of its own, which says who both are and then waits for ever.
FAMILY = ["sh", "-c", "sleep 600 & echo $$ $!; wait"]
PATIENCE = 10


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A folder that is to go with the command."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "file").write_text("left behind", encoding="utf-8")
    return folder


def leashed(scratch: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Run a command on a leash."""
    return subprocess.Popen(
        [*COMMAND, scratch, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def family(scratch: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A leash, and the two processes on it."""
    with leashed(scratch, *FAMILY) as leash:
        assert leash.stdout is not None
        yield leash, [int(word) for word in leash.stdout.readline().split()]


def gone(pids: list[int]) -> bool:
    """Whether none of the processes lives any more."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_the_end_of_input_ends_the_whole_family(
    family: tuple[subprocess.Popen[str], list[int]], scratch: Path, wait: Wait
) -> None:
    """When its holder lets go, the command and its children are killed and the scratch folder is removed."""
    leash, pids = family
    assert not gone(pids)
    assert leash.stdin is not None
    leash.stdin.close()
    assert leash.wait(PATIENCE) == -signal.SIGKILL % 256
    wait(lambda: gone(pids), "the family is gone")
    assert not scratch.exists()


def test_a_terminated_leash_ends_the_whole_family(
    family: tuple[subprocess.Popen[str], list[int]], scratch: Path, wait: Wait
) -> None:
    """Asked to terminate, the leash takes the command and its children with it."""
    leash, pids = family
    leash.terminate()
    leash.wait(PATIENCE)
    wait(lambda: gone(pids), "the family is gone")
    assert not scratch.exists()


def test_a_command_that_ends_takes_its_children_along(scratch: Path, wait: Wait) -> None:
    """When the command ends by itself its code is passed on and nothing it started is left."""
    with leashed(scratch, "sh", "-c", "sleep 600 >&2 & echo $!; exit 7") as leash:
        assert leash.stdout is not None
        child = int(leash.stdout.readline())
        assert leash.wait(PATIENCE) == 7
        wait(lambda: gone([child]), "the child is gone")
    assert not scratch.exists()


def test_a_command_does_not_see_what_the_staging_tells_its_own(scratch: Path) -> None:
    """Variables by which the staging speaks to its processes are not handed on."""
    path = "canary-path"
    with leashed(scratch, "env", STAGING_CONFIG=path, COVERAGE_CANARY=path, OTHER="kept") as leash:
        assert leash.stdout is not None
        told = leash.stdout.read()
    assert (path in told, "OTHER=kept" in told) == (False, True)
