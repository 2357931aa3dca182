"""The watchdog's own side: listen to a drill, and put its switches back when it dies or hangs.

End-of-file without the drill's last word means that it died, however that came about; no sign of life until the
deadline means that it hangs. In both cases the switches that the journal names are put back, and the journal says by
whom. After a take-over the watchdog stays until the drill has ended: a flip that was under way is undone then.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import nullcontext, suppress
from enum import Enum
from pathlib import Path

from drills.clock import SYSTEM_CLOCK
from drills.errors import LeaseHeld, SafetyNetLost
from drills.restore import recover
from drills.restore.entries import TakenOver
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner, read_record
from drills.restore.state import StateFolder
from drills.restore.undo import Patience
from drills.target.switches.build import build

#: What the watchdog says to the drill, and the drill to the watchdog.
READY, TOOK_OVER = b"r", b"t"
ALIVE, DONE = b".", b"d"
#: Seconds to wait for another restorer that holds the lease.
_CLAIM = 10.0
#: An unattended restore has time: the target may be coming back, too.
_PATIENCE = Patience(timeout=60.0)


class Ending(Enum):
    """How listening to a drill came to an end."""

    DONE = "it said that everything is back"
    DIED = "it died"
    HANGS = "it gave no sign of life"


def listen(words: int, deadline: float | None) -> Ending:
    """Listen to a drill until it is done, dies, or gives no sign of life for ``deadline`` seconds."""
    while readable(words, deadline):
        heard = os.read(words, 4096)
        if not heard:
            return Ending.DIED
        if DONE in heard:
            return Ending.DONE
    return Ending.HANGS


def readable(descriptor: int, seconds: float | None) -> bool:
    """Return whether there is something to read, or the other side is gone, within ``seconds``; None waits for ever."""
    poll = select.poll()  # unlike select, it takes descriptors beyond 1023, which a drill with many sockets has
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))


def watch(root: str, journal_path: str, deadline: str) -> None:
    """Watch over the drill at the other end of standard input."""
    for nuisance in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(nuisance, signal.SIG_IGN)
    if os.fork():
        os._exit(0)  # nobody's child: those who end a process and all its children do not find us
    journal = Journal(Path(journal_path))
    _say(READY)
    ending = listen(sys.stdin.fileno(), float(deadline))
    if ending is Ending.HANGS:
        _take_over(journal, f"the drill gave no sign of life for {deadline} s")
        _restore(StateFolder(Path(root)), journal, again=False)
        ending = listen(sys.stdin.fileno(), None)
        if ending is Ending.DIED:  # it may have flipped in the moment before it saw the notice
            _restore(StateFolder(Path(root)), journal, again=True)
    elif ending is Ending.DIED:
        _restore(StateFolder(Path(root)), journal, again=False)


def _take_over(journal: Journal, reason: str) -> None:
    with suppress(SafetyNetLost):  # a full disk: the word below reaches the drill all the same
        journal.append(TakenOver(at=SYSTEM_CLOCK.now(), reason=reason))
    _say(TOOK_OVER)


def _restore(state: StateFolder, journal: Journal, *, again: bool) -> None:
    path, drill_id = state.lease_of(journal.path), _drill_id(journal)
    lease = _claim(path, journal.path.parent.name, drill_id)
    with lease or nullcontext():
        ours = lease is not None or _held_by(path, drill_id)
        touched = journal.touched() if again and ours else journal.unresolved()
        if touched:
            recover.put_back(
                journal, touched, by="watchdog", clock=SYSTEM_CLOCK, pause=time.sleep, build=build, patience=_PATIENCE
            )


def _claim(path: Path, target: str, drill_id: str) -> Lease | None:
    """Take the lease over from the dead drill; None when a hanging one still has it, or it cannot be had in time."""
    deadline = time.monotonic() + _CLAIM
    while time.monotonic() < deadline:
        with suppress(LeaseHeld):
            return _lease_or_none(path, target, drill_id)
        if _held_by(path, drill_id):
            return None
    return None


def _lease_or_none(path: Path, target: str, drill_id: str) -> Lease | None:
    with suppress(SafetyNetLost, OSError):  # a full disk must not keep switches from being put back
        return Lease.take_at(path, target, LeaseOwner.here(drill_id), SYSTEM_CLOCK)
    return None


def _held_by(path: Path, drill_id: str) -> bool:
    record = read_record(path)
    return record is not None and record.owner.drill_id == drill_id


def _drill_id(journal: Journal) -> str:
    opened = journal.opened
    return opened.drill_id if opened else journal.path.stem


def _say(word: bytes) -> None:
    with suppress(OSError):
        os.write(sys.stdout.fileno(), word)
