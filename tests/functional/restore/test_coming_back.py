"""The machine that came back: two drills at once, a lost host, an unreachable target, a third party, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from drills.errors import JournalUnresolved, RestoreFailed
from drills.restore import recover
from drills.restore.journal import Journal
from drills.restore.recover import demand_restored, refuse_unresolved, told_by, unresolved
from drills.restore.state import StateFolder
from drills.restore.undo import Patience
from tests.functional.restore.kills.disk import can_mount, fill, small_disk

BASELINE = {"web": "false", "mobile": "false", "desktop": "false", "sink-path": "dual"}
FLIPPED = BASELINE | {"web": "true", "mobile": "true", "desktop": "true"}
WaitFor = Callable[[Callable[[], object]], float]


class Target(Protocol):
    """The flag server of conftest.py."""

    process: subprocess.Popen[bytes]
    url: str

    def flags(self) -> dict[str, str]:
        """Return the values in effect."""

    def ask(self, switch: str, value: str) -> None:
        """Set a flag."""


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


@pytest.fixture
def lost_host(drills: Drills, target: Target) -> Drills:
    """A drill whose host went down with flags flipped: drill and watchdog are gone at the same moment."""
    drill = drills.start_and_flip("drill-1")
    watchdog = drills.watchdog_of("drill-1")
    assert watchdog is not None
    os.kill(watchdog, signal.SIGKILL)
    drill.kill()
    drill.communicate()
    assert target.flags() == FLIPPED
    return drills


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    if not can_mount():
        pytest.skip("a small file system cannot be mounted here")
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place, "64k"):
        yield place


def test_a_second_drill_is_told_who_holds_the_target(drills: Drills, target: Target) -> None:
    """Of two drills at once the second is refused, with the first one's name and the command to take over."""
    first = drills.start_and_flip("drill-1")
    second = drills.start("drill-2")
    words = second.communicate()[1].decode()
    assert second.returncode == 1
    assert f"LeaseHeld: {target.url} is held by drill drill-1" in words
    assert f"(pid {first.pid})" in words
    assert "`drill restore --force-unlock drill-1`" in words
    assert target.flags() == FLIPPED
    first.communicate(b"")
    assert (first.returncode, target.flags()) == (0, BASELINE)


def test_what_nobody_can_put_back_is_abandoned_on_the_record(lost_host: Drills, target: Target) -> None:
    """With the target gone, one command closes the matter; the journal keeps saying that nobody put the flags back."""
    target.process.kill()
    done = _typed(lost_host, "restore", "--abandon", "drill-1")
    again = _typed(lost_host, "restore", "--abandon", "drill-1")

    assert done.returncode == 0, done.stderr
    assert f"{target.url}: web is abandoned, and may stand at 'true'" in done.stderr
    assert unresolved(lost_host.state) == ()
    refuse_unresolved(lost_host.state, target.url)
    assert "web may stand at 'true': nobody has put it back yet" in told_by(lost_host.journal("drill-1")).problems
    assert (again.returncode, "drill drill-1 left nothing to put back" in again.stderr) == (2, True)


def test_what_a_living_drill_uses_is_not_abandoned(drills: Drills, target: Target) -> None:
    """The lease says that the drill is alive; it goes on, and puts everything back itself."""
    drill = drills.start_and_flip("drill-1")
    done = _typed(drills, "restore", "--abandon", "drill-1")
    drill.communicate(b"")

    assert (done.returncode, "is held by drill drill-1" in done.stderr) == (2, True)
    assert (drill.returncode, target.flags()) == (0, BASELINE)


def _typed(drills: Drills, *words: str) -> subprocess.CompletedProcess[str]:
    home = drills.state.root.with_name("home")
    home.mkdir(exist_ok=True)
    if not (home / "khala-drills").exists():
        (home / "khala-drills").symlink_to(drills.state.root)
    environment = {**os.environ, "XDG_STATE_HOME": str(home)}
    words = (sys.executable, "-m", "drills", *words)
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_after_a_lost_host_everything_is_put_back_on_command(lost_host: Drills, target: Target) -> None:
    """A new drill is refused with the command to type; that command puts the flags back; then drills run again."""
    with pytest.raises(JournalUnresolved, match=r"drill drill-1 on .* web (.|\n)*type `drill restore`"):
        refuse_unresolved(lost_host.state, target.url)
    refused = lost_host.start("drill-2")
    assert "JournalUnresolved" in refused.communicate()[1].decode()
    assert {left.switch for left in unresolved(lost_host.state)} == {"web", "mobile", "desktop"}
    demand_restored(one.restored for one in recover.restore(lost_host.state))
    assert target.flags() == BASELINE
    assert recover.restore(lost_host.state) == ()
    following = lost_host.start("drill-3")
    following.communicate()
    assert (following.returncode, target.flags()) == (0, BASELINE)


def test_an_unreachable_target_can_be_restored_later(lost_host: Drills, target: Target) -> None:
    """While the target is frozen the restore says so and keeps the journal open; afterwards it succeeds."""
    os.kill(target.process.pid, signal.SIGSTOP)
    try:
        results = recover.restore(lost_host.state, patience=Patience(timeout=0.5))
    finally:
        os.kill(target.process.pid, signal.SIGCONT)
    with pytest.raises(RestoreFailed, match=r"web: not back within 0\.5 s: switch web: no answer from http"):
        demand_restored(one.restored for one in results)
    assert len(unresolved(lost_host.state)) == 3
    demand_restored(one.restored for one in recover.restore(lost_host.state))
    assert target.flags() == BASELINE


def test_a_flag_changed_by_a_third_party_is_left_alone(lost_host: Drills, target: Target, wait_for: WaitFor) -> None:
    """A value that neither was nor came from the drill is reported as a conflict; the other flags are put back."""
    target.ask("web", "canary-percentage-5")
    wait_for(lambda: target.flags()["web"] == "canary-percentage-5")
    with pytest.raises(RestoreFailed, match="web: conflict: it reads 'canary-percentage-5'"):
        demand_restored(one.restored for one in recover.restore(lost_host.state))
    assert target.flags() == BASELINE | {"web": "canary-percentage-5"}


def test_who_is_forced_out_ends_without_flipping(drills: Drills, target: Target) -> None:
    """After a forced unlock and a restore, the old drill ends at its next flip and disturbs nobody."""
    old = drills.start_and_flip("drill-1")
    recover.force_unlock(drills.state, "drill-1")
    demand_restored(one.restored for one in recover.restore(drills.state))
    words = old.communicate(b"")[1].decode()
    assert "SafetyNetLost: the lease of" in words
    assert target.flags() == BASELINE


@pytest.mark.parametrize("size", ["full before the first flip", "full with flags flipped"])
def test_a_full_disk_leaves_no_flag_behind(
    tiny_disk: Path, drills: Drills, target: Target, wait_for: WaitFor, size: str
) -> None:
    """On a full state folder nothing is flipped any more, and what was flipped is put back all the same."""
    on_disk = type(drills)(target, StateFolder(tiny_disk))  # type: ignore[call-arg]
    if size == "full with flags flipped":
        drill = on_disk.start_and_flip("drill-1")
        fill(tiny_disk)
    else:
        fill(tiny_disk)
        drill = on_disk.start("drill-1")
    words = drill.communicate(b"")[1].decode()
    assert drill.returncode == 1
    assert "No space left on device" in words
    wait_for(lambda: target.flags() == BASELINE)
    wait_for(lambda: on_disk.watchdog_of("drill-1") is None)
    assert target.flags() == BASELINE
