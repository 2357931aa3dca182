"""The process switch, with real processes: they are started again with another value, and nothing else changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from drills.errors import NotInEffect, SwitchFailed, TargetUnreachable
from drills.target.recipes import ProcessSwitchRecipe
from drills.target.switches.build import build

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[ProcessSwitchRecipe]:
    """A desktop whose lane is set in its environment; it runs, started by someone else."""
    made = ProcessSwitchRecipe(
        switch="desktop", argv=SLEEP, variable="KHALA", pid_file=tmp_path / "pid", log=tmp_path / "log"
    )
    with subprocess.Popen(SLEEP, env={**os.environ, "KHALA": "false", "KEPT": "as it was"}) as process:
        made.pid_file.write_text(f"{process.pid}\n")
        yield made
        for pid in {process.pid, int(made.pid_file.read_text())}:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
                psutil.wait_procs([psutil.Process(pid)], timeout=5)


def test_a_process_is_started_again_with_another_value(recipe: ProcessSwitchRecipe) -> None:
    """The old one has ended, the new one has the new value and otherwise the same environment."""
    one, old = build(recipe), psutil.Process(int(recipe.pid_file.read_text()))
    assert one.read() == "false"
    one.ask("true")
    new = psutil.Process(int(recipe.pid_file.read_text()))
    assert (one.read(), new.environ()["KEPT"], new.pid != old.pid) == ("true", "as it was", True)
    assert not old.is_running() or old.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_does_not_run_has_no_value_and_can_be_started(recipe: ProcessSwitchRecipe) -> None:
    """So a restore can put back what a flip has brought down: another process needs only the recipe."""
    dead = psutil.Process(int(recipe.pid_file.read_text()))
    dead.kill()
    dead.wait(5)
    one = build(ProcessSwitchRecipe.model_validate_json(recipe.model_dump_json()))
    with pytest.raises(NotInEffect) as caught:
        one.read()
    assert caught.value.stands_at is None
    one.ask("false")
    assert one.read() == "false"


def test_another_process_with_the_same_number_is_left_alone(recipe: ProcessSwitchRecipe) -> None:
    """A number that went to a process which started after the file was written is a stranger's."""
    os.utime(recipe.pid_file, (1, 1))
    with pytest.raises(NotInEffect, match="is another one than"):
        build(recipe).read()
    os.utime(recipe.pid_file)


def test_a_variable_that_is_not_set_has_its_default(recipe: ProcessSwitchRecipe) -> None:
    """Without a default it has no value."""
    other = recipe.model_copy(update={"variable": "NOT_SET"})
    with pytest.raises(TargetUnreachable, match="has no variable NOT_SET"):
        build(other).read()
    assert build(other.model_copy(update={"default": "false"})).read() == "false"


def test_a_program_that_does_not_start_is_told(recipe: ProcessSwitchRecipe) -> None:
    """The old process has ended by then; the message says what could not be started."""
    with pytest.raises(SwitchFailed, match="/no/such/app does not start"):
        build(recipe.model_copy(update={"argv": ("/no/such/app",)})).ask("true")
