"""What is killed: a program under way that has flipped switches, or is about to. Here: a real drill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from drills.evidence.ledger import read_valid_prefix
from drills.restore.entries import Closed, Intent, PutBack
from drills.restore.journal import Journal
from drills.restore.lease import holder
from drills.restore.recover import unresolved
from drills.restore.state import APPLICATION, StateFolder
from tests.functional.restore.kills.target import DRILL, Target
from tests.unmeasured import unmeasured

ROOT = Path(__file__).parents[4]
NOTHING_FLIPPED, ALL_BACK = "nobody: nothing was flipped", "nobody: all was back"
#: In the folder of each victim: where it keeps its state, and the file that it may be waiting for.
STATE, WORD = "state", "word"


@dataclass(frozen=True)
class Course:
    """What a program goes through: what selects it, and its steps when nothing disturbs it."""

    selection: str
    steps: int


@dataclass(frozen=True)
class Courses:
    """``short``: one flag on and back. ``long``: all of them on, off and on, the sink path too, and everything back."""

    short: Course
    long: Course


@dataclass(frozen=True)
class Seen:
    """What was seen of the flags around a death: whether they were back before the process was gone, and when.

    ``at`` is when the blow fell, ``seconds`` the time from then to the last moment at which a flag was away from its
    baseline.
    """

    at: datetime
    back_before_the_end: bool
    seconds: float


class Victim(Protocol):
    """A program under way. ``word`` is a file whose appearance it may be waiting for, ``disk`` where its files are."""

    process: subprocess.Popen[bytes]
    word: Path
    disk: Path

    def steps(self) -> int:
        """Return how many steps it has taken."""

    def last_step(self) -> str:
        """Return the kind of its last step in a word."""

    def watchdog(self) -> int | None:
        """Return the process that watches over it, if there is one."""

    def put_back_by(self, seen: Seen) -> str:
        """Return who put the flags back."""

    def began_after(self, seen: Seen) -> float | None:
        """Return the seconds from the blow until somebody began to put the flags back; None if nothing tells."""

    def evidence_is_readable(self) -> bool:
        """Whether what it wrote down before it died can be read."""

    def is_over(self) -> bool:
        """Whether nothing is left to do, so that another one could start now."""

    def tidy_up(self) -> bool:
        """Do what a person has to do before the next one can start, and return whether that went well."""


class Product(Protocol):
    """A program to be killed: what its steps are, and how it is started."""

    name: str
    courses: Courses

    def start(self, target: Target, folder: Path, extra: Mapping[str, str], selection: str) -> Victim:
        """Start a course of it on ``target``, with its files in ``folder`` and ``extra`` variables."""

    def following(self, target: Target, folder: Path) -> bool:
        """Run one undisturbed, and return whether it went well."""


class Drill:
    """``drill run``, from its first line to its last."""

    name = "drill"
    courses = Courses(Course("web", 6), Course("rollback", 29))

    def start(self, target: Target, folder: Path, extra: Mapping[str, str], selection: str) -> Victim:
        """Start a drill of the scenarios that ``selection`` names, in a process group of its own."""
        command = [*DRILL, "run", "--target", str(target.profile), "--out", str(folder / "out"), "-k", selection]
        return DrillVictim(started(command, folder, extra), folder)

    def following(self, target: Target, folder: Path) -> bool:
        """Run a whole drill; its verdict is to be PASS."""
        command = [*DRILL, "run", "--target", str(target.profile), "--out", str(folder / "following")]
        with started(command, folder, {}) as process:
            return process.wait(300) == 0


class DrillVictim:
    """A drill under way. Its steps are the lines of its restore journal."""

    def __init__(self, process: subprocess.Popen[Any], folder: Path) -> None:
        """Watch ``process``, whose state is in ``folder``."""
        self.process = process
        self.word = folder / WORD
        self.disk = folder / STATE
        self._state = StateFolder(self.disk / APPLICATION)
        self._watchdog: int | None = None

    def steps(self) -> int:
        """Return how many lines its journal has."""
        return len(_lines(self._state))

    def last_step(self) -> str:
        """Return the kind of its journal's last line."""
        journal = self._journal()
        entries = journal.entries if journal else ()
        return entries[-1].kind if entries else "no journal yet"

    def watchdog(self) -> int | None:
        """Return the process id of its watchdog, if it is running."""
        journal = self._journal()
        if journal is None:
            return None
        wanted = {b"drills.restore.watchdog", str(journal.path).encode()}
        if self._watchdog is None or not wanted <= set(_words_of(self._watchdog)):
            self._watchdog = next((pid for pid in _processes() if wanted <= set(_words_of(pid))), None)
        return self._watchdog

    def put_back_by(self, seen: Seen) -> str:
        """Return who the journal says it was; what a full disk kept out of it is told by the process that was left."""
        journal = self._journal()
        if journal is None or not any(isinstance(entry, Intent) for entry in journal.entries):
            return NOTHING_FLIPPED
        if closed := next((entry for entry in journal.entries if isinstance(entry, Closed)), None):
            return closed.by if closed.at >= seen.at else ALL_BACK
        if self.is_watched_over:
            return "drill" if seen.back_before_the_end else "watchdog"
        return "the target's lease"

    def began_after(self, seen: Seen) -> float | None:
        """Return when the journal says that it was; a target's lease leaves no such line there."""
        journal = self._journal()
        lines = [entry for entry in journal.entries if isinstance(entry, PutBack)] if journal else []
        moments = [line.began_at for line in lines if line.by != "lease" and line.began_at >= seen.at]
        return (min(moments) - seen.at).total_seconds() if moments else None

    @property
    def is_watched_over(self) -> bool:
        """Whether its watchdog came to its end by itself: one that is killed leaves a mark in the folder."""
        return not (self.disk / "watchdog-killed").exists()

    def evidence_is_readable(self) -> bool:
        """Whether its ledger is whole but for a torn last line."""
        readings = [read_valid_prefix(path) for path in (self._state.root / "runs").glob("*/ledger.jsonl")]
        return all(reading.damage is None or reading.is_torn for reading in readings)

    def is_over(self) -> bool:
        """Whether no switch is left to put back, and the lease is free."""
        journal = self._journal()
        held = journal and holder(self._state.lease_of(journal.path))
        return not held and not unresolved(self._state)

    def tidy_up(self) -> bool:
        """Type `drill restore`."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.disk)}
        done = subprocess.run([*DRILL, "restore"], env=environment, cwd=ROOT, capture_output=True, check=False)
        return done.returncode == 0 and self.is_over()

    def _journal(self) -> Journal | None:
        return next((Journal(path) for path in self._state.journals()), None)


def started(
    command: Sequence[str], folder: Path, extra: Mapping[str, str], work: Path = ROOT
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a process group of its own, with its state in ``folder``, working in the folder ``work``.

    Its coverage is not measured.
    """
    paths = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    environment = {**unmeasured(), "PYTHONPATH": paths, "XDG_STATE_HOME": str(folder / STATE), **extra}
    return subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _lines(state: StateFolder) -> list[bytes]:
    contents = [path.read_bytes() for path in state.journals()]
    return [line for content in contents for line in content.split(b"\n")[:-1] if line]


def _processes() -> Iterator[int]:
    return (int(process.name) for process in Path("/proc").glob("[0-9]*"))


def _words_of(process: int) -> list[bytes]:
    with suppress(OSError):  # it ended meanwhile
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return []
