"""Append to a new ledger while a timer's signal strikes, and print what the test needs as JSON: ``FILE`` is the ledger.

A program of its own: :mod:`tests.unmeasured` says why.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from pathlib import Path

from drills.clock import SYSTEM_CLOCK
from drills.evidence.ledger import Ledger
from drills.evidence.records import DrillFinished, ItemStarted
from drills.evidence.redaction import Redactor

STRIKES = 400


class Struck(Exception):
    """What a time-out's signal raises, anywhere in the main thread."""


def _strike(_number: int, _frame: object) -> None:
    raise Struck


def main() -> None:
    """Strike at ever later moments of an append, then append once undisturbed."""
    ledger = Ledger.create(Path(sys.argv[1]), SYSTEM_CLOCK, Redactor())
    signal.signal(signal.SIGALRM, _strike)
    gc.disable()  # what strikes a callback of the garbage collector is nobody's exception
    struck, returned = 0, []
    for number in range(STRIKES):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + number * 0.000002)
            returned.append(ledger.append(ItemStarted(item="struck")).hash)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Struck:
            struck += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    last = ledger.append(DrillFinished(outcome="completed")).hash
    json.dump({"struck": struck, "returned": returned, "last": last}, sys.stdout)


if __name__ == "__main__":
    main()
