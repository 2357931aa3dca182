"""A drill that dies at a step of its own choosing: lease, journal, watchdog, baseline, flips, restore, all real.

Every line of the journal, every request and every pause of the switchboard counts as a step. At step ``--die-at`` the
process ends itself in the way ``--how`` says; with ``--die-at -1`` it comes to its end and prints how many steps there
are. It does nothing to end in order: what its own exit leaves behind is for the other layers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from drills.clock import SYSTEM_CLOCK
from drills.evidence.records import SwitchFlipped
from drills.restore.entries import Entry
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner
from drills.restore.recover import demand_restored, refuse_unresolved
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.restore.watchdog import Watchdog
from drills.target.ports import HttpSwitchRecipe, SecretReference
from drills.target.switches.http import HttpSwitch

SURFACES = ("web", "mobile", "desktop")


WAYS_TO_DIE: dict[str, Callable[[], None]] = {
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGKILL-group": lambda: os.killpg(0, signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "SIGTERM-group": lambda: os.killpg(0, signal.SIGTERM),
    "SIGHUP-group": lambda: os.killpg(0, signal.SIGHUP),
    "SIGSTOP": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "exit": lambda: os._exit(1),
}


class Steps:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, die_at: int, how: str) -> None:
        """Die at step ``die_at``, counted from 0; never when it is negative."""
        self.taken = 0
        self._die_at = die_at
        self._die = WAYS_TO_DIE[how]

    def step(self) -> None:
        """Take one step."""
        if self.taken == self._die_at:
            self._die()
        self.taken += 1


class SteppingJournal(Journal):
    """A journal whose every line is two steps: before it and after it."""

    steps: Steps

    def append(self, entry: Entry) -> None:
        """Write a line."""
        self.steps.step()
        super().append(entry)
        self.steps.step()


class SteppingSwitch(HttpSwitch):
    """A switch whose every request is two steps: before it and after it."""

    steps: Steps

    def ask(self, value: str) -> None:
        """Ask for a value."""
        self.steps.step()
        super().ask(value)
        self.steps.step()


def main() -> None:
    """Run the drill."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--drill-id", required=True)
    parser.add_argument("--die-at", type=int, default=-1)
    parser.add_argument("--how", choices=sorted(WAYS_TO_DIE), default="SIGKILL")
    parser.add_argument("--deadline", type=float, default=30.0)
    parser.add_argument("--terminal")
    parser.add_argument("--wait", action="store_true", help="wait with flags flipped until someone ends us")
    arguments = parser.parse_args()
    if arguments.terminal:
        os.open(arguments.terminal, os.O_RDWR)  # a session leader's first terminal becomes its controlling one
    SteppingJournal.steps = SteppingSwitch.steps = steps = Steps(arguments.die_at, arguments.how)
    state = StateFolder(arguments.state)
    with Lease.take(state, arguments.url, LeaseOwner.here(arguments.drill_id), SYSTEM_CLOCK) as lease:
        refuse_unresolved(state, arguments.url)
        run(state, lease, arguments, steps)
    say({"steps": steps.taken})


def run(state: StateFolder, lease: Lease, arguments: argparse.Namespace, steps: Steps) -> None:
    """Flip everything there and back, and put everything back."""
    journal = SteppingJournal.create(
        state.journal(arguments.url, arguments.drill_id),
        drill_id=arguments.drill_id,
        target=arguments.url,
        at=SYSTEM_CLOCK.now(),
    )
    watchdog = Watchdog.start(state, journal.path, heartbeat_deadline=arguments.deadline)
    watchdog.keep_beating(min(arguments.deadline / 4, 1.0), lease.renew)

    def guard() -> None:
        lease.check()
        watchdog.check()

    def pause(seconds: float) -> None:
        steps.step()
        time.sleep(seconds)

    def on_flip(_fact: SwitchFlipped) -> None:
        steps.step()

    switches = {name: SteppingSwitch(recipe(arguments.url, name)) for name in (*SURFACES, "sink-path")}
    board = Switchboard(switches, journal, SYSTEM_CLOCK, pause=pause, on_flip=on_flip, guard=guard)
    board.baseline()
    say({"flipping": True})
    board.flip_together(dict.fromkeys(SURFACES, "true"), purpose="cut-over")
    if arguments.wait:
        say({"flipped": True})
        sys.stdin.read()
    board.flip("web", "false", purpose="rollback")
    board.flip("sink-path", "convex-only", purpose="rollback")
    board.flip("web", "true", purpose="recover")
    demand_restored([board.restore()])
    steps.step()
    watchdog.done()


def recipe(url: str, name: str) -> HttpSwitchRecipe:
    """Return how a flag of the target is read and written."""
    return HttpSwitchRecipe(
        switch=name,
        url=f"{url}/switches/{name}",
        state_pointer="/state",
        token=SecretReference(env="FLAG_TOKEN"),
        timeout_seconds=1,
    )


def say(document: object) -> None:
    """Tell whoever started us."""
    print(json.dumps(document), flush=True)  # noqa: T201 - this is how tests hear from us


if __name__ == "__main__":
    main()
