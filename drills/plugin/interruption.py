"""Signals that ask a drill to end, and the points at which it does so in order."""

from __future__ import annotations

import signal
from types import FrameType

#: Signals by which a person or a machine asks a process to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The first ending signal of a drill: it breaks off what is being done, and is never forgotten.

    An exception that is raised from a signal handler can land in a callback of a library that swallows it; so the
    drill asks :meth:`check` wherever it waits.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self._armed = False

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
            raise KeyboardInterrupt(self.name)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.name = self.name or signal.Signals(number).name
        self.check()
