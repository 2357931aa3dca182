"""A drill that flips the switches of the recipes on its command line, says so, and waits to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pydantic import TypeAdapter

from drills.clock import SYSTEM_CLOCK
from drills.evidence.records import SwitchFlipped
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.restore.watchdog import Watchdog
from drills.target.recipes import SwitchRecipe
from drills.target.switches.build import build

RECIPES: TypeAdapter[list[SwitchRecipe]] = TypeAdapter(list[SwitchRecipe])


def unheard(flip: SwitchFlipped) -> None:
    """Let nobody hear of ``flip``."""
    del flip


def main(root: str, recipes: str) -> None:
    """Flip every switch to ``true``."""
    state, target = StateFolder(Path(root)), "recipes"
    with Lease.take(state, target, LeaseOwner.here("mortal"), SYSTEM_CLOCK):
        path = state.journal(target, "mortal")
        journal = Journal.create(path, drill_id="mortal", target=target, at=SYSTEM_CLOCK.now())
        watchdog = Watchdog.start(state, path)
        watchdog.keep_beating(1.0, watchdog.beat)
        switches = {one.switch: build(one) for one in RECIPES.validate_json(recipes)}
        board = Switchboard(switches, journal, SYSTEM_CLOCK, pause=time.sleep, on_flip=unheard)
        board.baseline()
        board.flip_together(dict.fromkeys(switches, "true"), purpose="enable")
        sys.stdout.write("flipped\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
