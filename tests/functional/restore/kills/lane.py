"""One target on which programs are killed, one after the other."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.functional.restore.kills.disk import make_room, small_disk
from tests.functional.restore.kills.target import Target
from tests.functional.restore.kills.victims import STATE, WORD, Product, Seen, Victim
from tests.functional.restore.kills.ways import WAYS, Way

#: Seconds that a program may take to come to the moment of its death, and afterwards to its end.
PATIENCE = 90.0
#: Seconds for which the flags have to stay at their baseline, so that a flip on its way would be seen.
QUIET = 1.0


@dataclass(frozen=True)
class Kill:
    """A death to die: the way, in which course, and when: ``after`` seconds from when ``step`` steps were taken."""

    way: str
    selection: str
    step: int
    after: float = 0.0


@dataclass(frozen=True)
class Death:
    """What came of one kill.

    ``died`` is False when the program had come to its end before. ``seconds`` is the time from the blow until every
    flag was at its baseline, as the operator API says, and stayed there; ``began_after`` the time until somebody began
    to put them back, where that was written down. ``by_command`` tells whether a person had to
    type a command before the next one could start, ``ready`` whether it could start in the end.
    """

    product: str
    way: str
    selection: str
    moment: str
    died: bool
    restored: bool
    by: str
    seconds: float
    began_after: float | None
    readable: bool
    by_command: bool
    ready: bool


class Lane:
    """A target, and a folder for what its victims leave."""

    def __init__(self, target: Target, product: Product, folder: Path) -> None:
        """Write down the baseline that every death has to lead back to."""
        self.target = target
        self.baseline = target.values()
        self._product = product
        self._folder = folder
        self._numbers = itertools.count(1)

    def kill(self, kill: Kill) -> Death:
        """Start a program, let it die, watch what becomes of the flags, and tidy up for the next one."""
        way, folder = WAYS[kill.way], self._fresh_folder()
        _wait(lambda: self.target.values() == self.baseline, PATIENCE)
        with _state_folder(folder, way), self._running(kill, folder) as victim:
            _wait(lambda: victim.steps() >= kill.step or _has_ended(victim), PATIENCE)
            time.sleep(kill.after)  # the random moment itself, not a wait for anything
            died, moment = not _has_ended(victim), _moment(kill, victim)
            at = datetime.now(UTC)
            if died:
                way.blow(victim)
            seen = self._watch(victim, at, way.grace)
            return self._after(kill, victim, seen, died=died, moment=moment)

    def following(self) -> bool:
        """Run one more undisturbed, and tell whether it ended well and left every flag as it was."""
        went_well = self._product.following(self.target, self._fresh_folder())
        _wait(lambda: self.target.values() == self.baseline, PATIENCE)  # not every product awaits what it asked for
        return went_well and self.target.values() == self.baseline

    def _fresh_folder(self) -> Path:
        folder = self._folder / f"{self._product.name}-{next(self._numbers)}"
        (folder / STATE).mkdir(parents=True)
        return folder

    @contextmanager
    def _running(self, kill: Kill, folder: Path) -> Iterator[Victim]:
        victim = self._product.start(self.target, folder, WAYS[kill.way].environment(folder / WORD), kill.selection)
        try:
            yield victim
        finally:
            _end_group(victim.process)

    def _watch(self, victim: Victim, at: datetime, grace: float) -> Seen:
        """Look at the flags until nothing of the program acts any more and they have come to rest."""
        blow = time.monotonic()
        away, process_ended, all_ended = blow, math.inf, math.inf
        while (now := time.monotonic()) - blow < PATIENCE:
            values = self.target.values()
            if values != self.baseline:
                away = now
            if _has_ended(victim):
                process_ended = min(process_ended, now)
                all_ended = min(all_ended, now if victim.watchdog() is None else math.inf)
            given_up = now - all_ended >= grace and None not in values.values()
            if now - max(all_ended, away) >= QUIET or given_up:
                break
            time.sleep(0.02)  # between two looks at the flags
        return Seen(at, back_before_the_end=away < process_ended, seconds=away - blow)

    def _after(self, kill: Kill, victim: Victim, seen: Seen, *, died: bool, moment: str) -> Death:
        by, restored = victim.put_back_by(seen), self.target.values() == self.baseline
        began_after = victim.began_after(seen)
        readable, by_command = victim.evidence_is_readable(), not victim.is_over()
        make_room(victim.disk)
        ready = victim.tidy_up() if by_command else True
        self.target.set({name: value for name, value in self.baseline.items() if not restored})
        self.target.end_lease()
        return Death(
            product=self._product.name,
            way=kill.way,
            selection=kill.selection,
            moment=moment,
            died=died,
            restored=restored,
            by=by if restored else "nobody",
            seconds=round(seen.seconds, 3),
            began_after=None if began_after is None else round(began_after, 3),
            readable=readable,
            by_command=by_command,
            ready=ready,
        )


def _state_folder(folder: Path, way: Way) -> AbstractContextManager[Path]:
    return small_disk(folder / STATE) if way.small_disk else nullcontext(folder / STATE)


def _moment(kill: Kill, victim: Victim) -> str:
    """Return when the blow comes: after which step, of which kind, and how long after it."""
    return f"{kill.after:.2f} s after step {kill.step}, at step {victim.steps()} ({victim.last_step()})"


def _has_ended(victim: Victim) -> bool:
    return victim.process.poll() is not None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # the drill's browser may outlive it
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.004)  # between two looks at another process
