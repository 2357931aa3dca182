"""Signals that ask a drill to end, and the points at which it does so in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

#: Signals by which a person or a machine asks a process to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: What loses its connection to the browser when it is broken off in the middle of a message.
_DELICATE = ("playwright", "asyncio")


class Interruption:
    """The first ending signal of a drill: it breaks off what is being done, and is never forgotten.

    An exception that is raised from a signal handler can land in a callback of a library that swallows it; so the
    drill asks :meth:`check` wherever it waits. In the middle of the browser library's own work nothing is raised: it is
    left for when that library's event loop has ended the step it is at.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._armed = False
        self._broken_off = False

    def arm(self) -> None:
        """Listen to the ending signals. Only for the main thread."""
        self._armed = True
        for number in ENDING:
            signal.signal(number, self._receive)

    def disarm(self) -> None:
        """From here on let nothing break off what puts switches back, a second, impatient signal least of all."""
        self._armed = False
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Break off if a signal has come.

        Raises:
            KeyboardInterrupt: a signal has come since :meth:`arm`; its words are the signal's name.
        """
        if self._armed and self.name:
            self._broken_off = True
            raise KeyboardInterrupt(self.name)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name
        if _is_delicate(frame):
            with suppress(RuntimeError):  # no loop is running: the next check will do
                asyncio.get_running_loop().call_soon_threadsafe(self._check_once)
        else:
            self.check()

    def _check_once(self) -> None:
        if not self._broken_off:
            self.check()


def _is_delicate(frame: FrameType | None) -> bool:
    """Whether ``frame`` is at work for the browser library; its event loop may be broken off while it only waits."""
    modules = [str(one.f_globals.get("__name__", "")) for one in _outwards(frame)]
    waits = modules[:1] == ["selectors"]
    return not waits and any(module.partition(".")[0] in _DELICATE for module in modules)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
