"""A process that outlives the drill and puts its switches back if it dies or hangs.

It runs in a session of its own, as nobody's child, and holds the only read end of a pipe. The drill writes a sign of
life into it now and then, and a last word when everything is back. This module is the drill's side; what the watchdog
makes of it is in :mod:`drills.restore.vigil`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import drills
from drills.errors import SafetyNetLost
from drills.restore.state import StateFolder
from drills.restore.vigil import ALIVE, DONE, READY, TOOK_OVER, readable, watch

#: Seconds that the watchdog itself may take to come up, and to go.
_START, _LEAVE = 20.0, 5.0
#: Marks by which CI agents find the processes of a job, in order to end them with it.
_JOB_MARKS = {"RUNNER_TRACKING_ID": "", "JENKINS_NODE_COOKIE": "dontKillMe", "BUILD_ID": "dontKillMe"}


class Watchdog:
    """The drill's side of the pipe. ``check`` is meant as a guard before each flip."""

    def __init__(self, words: int, status: int) -> None:
        """Not called directly: :meth:`start` returns watchdogs that are up."""
        self._words = words
        self._status = status
        self._ended = threading.Event()
        self._took_over = False
        self._beating: threading.Thread | None = None

    @classmethod
    def start(cls, state: StateFolder, journal: Path, *, heartbeat_deadline: float = 30.0) -> Watchdog:
        """Start a watchdog over ``journal`` and return when it says that it is up.

        Raises:
            SafetyNetLost: it did not come up; nothing may be flipped.
        """
        log = journal.with_suffix(".watchdog.log")
        try:
            return cls._start([str(state.root), str(journal), str(heartbeat_deadline)], log)
        except OSError as error:
            raise SafetyNetLost(
                f"the watchdog did not come up: {error}; no switch was flipped", remedy=f"read {log}"
            ) from None

    def beat(self) -> None:
        """Give a sign of life. Never blocks and never raises: :meth:`check` tells whether anybody listens."""
        with suppress(OSError):
            os.write(self._words, ALIVE)

    def keep_beating(self, every: float, also: Callable[[], None]) -> None:
        """Give a sign of life every ``every`` seconds from a thread, and call ``also`` each time.

        What ``also`` raises as a lost safety net or an operating system error is left for the next :meth:`check`.
        """
        self._beating = threading.Thread(target=self._beat_on, args=(every, also), name="heartbeat", daemon=True)
        self._beating.start()

    def check(self) -> None:
        """Make sure that the watchdog is there and has left the switches in our hands.

        Raises:
            SafetyNetLost: it is gone, or has put the switches back.
        """
        if self._ended.is_set() or self._gone():
            raise SafetyNetLost("the watchdog is gone; no switch was flipped", remedy="run the drill again")
        if self._took_over:
            raise SafetyNetLost(
                "the watchdog heard nothing for too long and has put the switches back; no switch was flipped",
                remedy="see what the drill was waiting for, then run it again",
            )

    def fall_silent(self) -> None:
        """Give no more signs of life, and no last word: what is left is the watchdog's when this process has gone."""
        if not self._ended.is_set():
            self._stop_beating()

    def done(self) -> None:
        """Say that everything is back, and return when the watchdog has gone. May be called again."""
        if self._ended.is_set():
            return
        self._stop_beating()
        with suppress(OSError):
            os.set_blocking(self._words, True)
            os.write(self._words, DONE)
        deadline = time.monotonic() + _LEAVE
        while not self._heard(b"", deadline - time.monotonic()) and time.monotonic() < deadline:
            pass  # an earlier word
        self._close()

    @classmethod
    def _start(cls, arguments: list[str], log: Path) -> Watchdog:
        words_out, words_in = os.pipe()
        status_out, status_in = os.pipe()
        os.set_blocking(words_in, False)
        watchdog = cls(words_in, status_out)
        try:
            starter = _spawn(arguments, words_out, status_in, log)
        finally:
            os.close(words_out)
            os.close(status_in)
        if not watchdog._heard(READY, _START):
            starter.kill()
            watchdog._close()
        starter.wait()
        if watchdog._ended.is_set():
            raise OSError(f"it gave no word within {_START:g} s")
        return watchdog

    def _beat_on(self, every: float, also: Callable[[], None]) -> None:
        while not self._ended.wait(every):
            self.beat()
            with suppress(SafetyNetLost, OSError):
                also()

    def _stop_beating(self) -> None:
        self._ended.set()
        if self._beating is not None:
            self._beating.join()

    def _gone(self) -> bool:
        while readable(self._status, 0):
            word = os.read(self._status, 1)
            if not word:
                return True
            self._took_over = self._took_over or word == TOOK_OVER
        return False

    def _heard(self, word: bytes, within: float) -> bool:
        return readable(self._status, within) and os.read(self._status, 1) == word

    def _close(self) -> None:
        self._ended.set()
        os.close(self._words)
        os.close(self._status)


def _spawn(arguments: list[str], words: int, status: int, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "drills.restore.watchdog", *arguments]
    with log.open("ab") as stream:
        return subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=words, stdout=status, stderr=stream, env=_environment(), start_new_session=True
        )


def _environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    package_root = str(Path(drills.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [package_root, environ.get("PYTHONPATH")]))
    marks = {name: value for name, value in _JOB_MARKS.items() if name in environ}
    return {**environ, **marks, "PYTHONPATH": path}


if __name__ == "__main__":
    watch(*sys.argv[1:])
