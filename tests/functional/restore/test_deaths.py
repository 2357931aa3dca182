"""However a drill ends, its target ends as it was found."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from drills.restore.entries import TakenOver
from drills.restore.journal import Journal
from drills.restore.recover import demand_restored, restore, told_by, unresolved
from drills.restore.state import StateFolder

BASELINE = {"web": "false", "mobile": "false", "desktop": "false", "sink-path": "dual"}
FLIPPED = BASELINE | {"web": "true", "mobile": "true", "desktop": "true"}
WAYS_TO_DIE = ("SIGKILL", "SIGKILL-group", "SIGTERM", "SIGTERM-group", "SIGHUP-group", "exit")
WaitFor = Callable[[Callable[[], object]], float]


class Target(Protocol):
    """The flag server of conftest.py."""

    def flags(self) -> dict[str, str]:
        """Return the values in effect."""


class Drills(Protocol):
    """The drills of conftest.py."""

    state: StateFolder

    def start(self, drill_id: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a drill."""

    def start_and_flip(self, drill_id: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a drill that has flipped and waits."""

    def journal(self, drill_id: str) -> Journal:
        """Return its journal."""

    def watchdog_of(self, drill_id: str) -> int | None:
        """Return its watchdog."""


def restorers(journal: Journal) -> dict[str, str]:
    return {switch.switch: switch.by for switch in told_by(journal).switches if switch.restored}


def end(drill: subprocess.Popen[bytes]) -> tuple[int, str]:
    _out, words = drill.communicate()
    return drill.returncode, words.decode()


def test_killed_between_any_two_steps_in_any_way(drills: Drills, target: Target, wait_for: WaitFor) -> None:
    """Before and after a line, a request, a pause: whatever a drill was just doing, its target ends as it was."""
    for step in range(0, 66, 11):
        how = WAYS_TO_DIE[step // 11]
        drill = drills.start(f"drill-{step}", "--die-at", str(step), "--how", how)
        assert end(drill)[0] != 0, f"the drill came to its end before step {step}"
        wait_for(lambda: not unresolved(drills.state))
        assert target.flags() == BASELINE
    status, words = end(drills.start("drill-last"))
    assert (status, words, target.flags()) == (0, "", BASELINE)


def test_flags_are_back_right_after_a_kill(drills: Drills, target: Target, wait_for: WaitFor) -> None:
    """With its whole process group killed while flags are flipped, the watchdog has them back at once."""
    drill = drills.start_and_flip("drill-1")
    assert target.flags() == FLIPPED
    os.killpg(drill.pid, signal.SIGKILL)
    drill.communicate()
    assert wait_for(lambda: target.flags() == BASELINE) < 2
    wait_for(lambda: drills.journal("drill-1").closed)
    assert restorers(drills.journal("drill-1")) == {"web": "watchdog", "mobile": "watchdog", "desktop": "watchdog"}


def test_a_closed_terminal_is_survived(drills: Drills, target: Target, wait_for: WaitFor) -> None:
    """When the terminal that a drill runs in is closed, the drill goes and the watchdog puts the flags back."""
    mine, terminal = os.openpty()
    drill = drills.start_and_flip("drill-1", "--terminal", os.ttyname(terminal))
    os.close(terminal)
    os.close(mine)
    assert end(drill)[0] == -signal.SIGHUP
    assert wait_for(lambda: target.flags() == BASELINE) < 2


def test_the_watchdog_is_nobodys_child(drills: Drills, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends a drill with its children, its session or its CI job does not find the watchdog among them."""
    monkeypatch.setenv("RUNNER_TRACKING_ID", "github_1")
    drill = drills.start_and_flip("drill-1")
    watchdog = drills.watchdog_of("drill-1")
    assert watchdog is not None
    assert drill.pid not in {os.getpgid(watchdog), os.getsid(watchdog), _parent(watchdog)}
    environment = Path(f"/proc/{watchdog}/environ").read_bytes().split(b"\0")
    assert b"RUNNER_TRACKING_ID=github_1" not in environment
    drill.communicate(b"")


@pytest.mark.parametrize("nuisance", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_watchdog_does_not_fall_with_its_drill(
    drills: Drills, target: Target, wait_for: WaitFor, nuisance: signal.Signals
) -> None:
    """A signal that ends everything politely does not end the watchdog before it has done its work."""
    drill = drills.start_and_flip("drill-1")
    watchdog = drills.watchdog_of("drill-1")
    assert watchdog is not None
    os.kill(watchdog, nuisance)
    drill.kill()
    drill.communicate()
    wait_for(lambda: target.flags() == BASELINE)
    wait_for(lambda: drills.watchdog_of("drill-1") is None)


def test_a_clean_end_leaves_nothing_to_the_watchdog(drills: Drills, target: Target) -> None:
    """After a drill that put everything back itself, the watchdog is gone and has done nothing."""
    status, words = end(drills.start("drill-1"))
    assert (status, words, target.flags()) == (0, "", BASELINE)
    assert set(restorers(drills.journal("drill-1")).values()) == {"drill"}
    assert drills.watchdog_of("drill-1") is None


def test_a_drill_that_hangs_is_taken_over(drills: Drills, target: Target, wait_for: WaitFor) -> None:
    """Without a sign of life the flags are put back; the drill flips nothing more when it wakes up, and ends."""
    drill = drills.start_and_flip("drill-1", "--deadline", "1.5")
    os.kill(drill.pid, signal.SIGSTOP)
    wait_for(lambda: target.flags() == BASELINE)
    wait_for(lambda: drills.journal("drill-1").closed)
    assert any(isinstance(entry, TakenOver) for entry in drills.journal("drill-1").entries)
    os.kill(drill.pid, signal.SIGCONT)
    status, words = end(drill)
    assert (status, "SafetyNetLost: the watchdog heard nothing for too long" in words) == (1, True)
    wait_for(lambda: drills.watchdog_of("drill-1") is None)
    assert target.flags() == BASELINE


def test_a_flip_in_the_moment_of_hanging_is_undone_at_the_end(
    drills: Drills, target: Target, wait_for: WaitFor
) -> None:
    """A drill that freezes between intent and request sends it when it wakes up: at its end that is undone as well."""
    drill = drills.start("drill-1", "--deadline", "1.5", "--how", "SIGSTOP", "--die-at", "10")
    journal = drills.journal("drill-1")
    wait_for(lambda: journal.path.exists() and journal.closed)
    assert target.flags() == BASELINE
    os.kill(drill.pid, signal.SIGCONT)
    wait_for(lambda: target.flags() != BASELINE)
    drill.communicate()
    wait_for(lambda: target.flags() == BASELINE)
    wait_for(lambda: drills.watchdog_of("drill-1") is None)
    assert target.flags() == BASELINE


def test_without_a_watchdog_nothing_is_flipped(drills: Drills, target: Target, wait_for: WaitFor) -> None:
    """If somebody kills the watchdog, the drill notices before its next flip; what it had flipped is put back later."""
    drill = drills.start_and_flip("drill-1")
    watchdog = drills.watchdog_of("drill-1")
    assert watchdog is not None
    os.kill(watchdog, signal.SIGKILL)
    wait_for(lambda: drills.watchdog_of("drill-1") is None)
    status, words = end(drill)
    assert (status, "SafetyNetLost: the watchdog is gone" in words) == (1, True)
    demand_restored(one.restored for one in restore(drills.state))
    assert target.flags() == BASELINE


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
