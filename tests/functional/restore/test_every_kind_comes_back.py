"""A drill dies with switches of other kinds flipped: its watchdog puts back files, commands and processes as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from drills.restore.journal import Journal
from drills.restore.state import StateFolder
from drills.target.recipes import CommandSwitchRecipe, FileSwitchRecipe, ProcessSwitchRecipe, SwitchRecipe
from drills.target.switches.build import build
from tests.functional.restore.drill_of_recipes import RECIPES

PATIENCE_SECONDS = 60
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
#: As a team's script would: the token is handed over under the name that the recipe gives it.
SCRIPT = """
import os, pathlib, sys
place = pathlib.Path(sys.argv[1])
assert len(os.environ["TOKEN"]) == 18
print(place.read_text()) if len(sys.argv) == 2 else place.write_text(sys.argv[2])
"""


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SwitchRecipe]]:
    """A setting behind commands, one in a file, and a process that runs; all stand at ``false``."""
    monkeypatch.setenv("CLOUD_TOKEN", "canary-cloud-token")
    (tmp_path / "cloud").write_text("false")
    (tmp_path / "flags.env").write_text("# flags\nKHALA=false\n")
    words = (sys.executable, "-c", SCRIPT, str(tmp_path / "cloud"))
    made: list[SwitchRecipe] = [
        CommandSwitchRecipe.model_validate(
            {"switch": "mobile", "get": words, "set": (*words, "{value}"), "secrets": {"TOKEN": {"env": "CLOUD_TOKEN"}}}
        ),
        FileSwitchRecipe(switch="web", path=tmp_path / "flags.env", format="dotenv", key="KHALA"),
        ProcessSwitchRecipe(switch="desktop", argv=SLEEP, variable="KHALA", pid_file=tmp_path / "pid"),
    ]
    build(made[2]).ask("false")
    yield made
    psutil.Process(int((tmp_path / "pid").read_text())).kill()


def killed_drill(recipes: list[SwitchRecipe], root: Path) -> None:
    """Start a drill, let it flip everything, and end it and all its group as a machine short of memory would."""
    words = RECIPES.dump_json(RECIPES.validate_python(recipes)).decode()
    program = Path(__file__).with_name("drill_of_recipes.py")
    with subprocess.Popen(
        [sys.executable, str(program), str(root), words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as drill:
        assert drill.stdout is not None
        assert drill.stdout.readline() == "flipped\n"
        os.killpg(drill.pid, signal.SIGKILL)


def closed_by_the_watchdog(root: Path) -> Journal:
    journal = Journal(StateFolder(root).journal("recipes", "mortal"))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not journal.closed:
        assert time.monotonic() < deadline, journal.entries
        time.sleep(0.05)
    return journal


def test_every_kind_is_put_back_by_the_watchdog(recipes: list[SwitchRecipe], tmp_path: Path) -> None:
    """From its recipe alone; the journal holds where the secret is found, and not the secret."""
    killed_drill(recipes, tmp_path / "state")
    journal = closed_by_the_watchdog(tmp_path / "state")
    assert [build(one).read() for one in RECIPES.validate_python(recipes)] == ["false"] * 3
    assert (tmp_path / "flags.env").read_text() == "# flags\nKHALA=false\n"
    assert b"canary" not in journal.path.read_bytes()


def test_a_process_that_the_flip_brought_down_is_started_again(recipes: list[SwitchRecipe], tmp_path: Path) -> None:
    """It has no value while it does not run; with its baseline it does."""
    (process,) = (one for one in recipes if isinstance(one, ProcessSwitchRecipe))
    broken = process.model_copy(update={"argv": ("/bin/sh", "-c", 'test "$KHALA" = false && exec sleep 600')})
    build(broken).ask("false")
    state = tmp_path / "state"
    words = RECIPES.dump_json([broken]).decode()
    program = Path(__file__).with_name("drill_of_recipes.py")
    drill = subprocess.Popen([sys.executable, str(program), str(state), words], start_new_session=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while psutil.pid_exists(pid := int(process.pid_file.read_text())) and psutil.Process(pid).status() != "zombie":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(drill.pid, signal.SIGKILL)
    drill.wait()
    closed_by_the_watchdog(state)
    assert build(broken).read() == "false"
