"""The one clock. Everything that needs the time is handed a :class:`Clock`; tests hand in a frozen one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, a monotonic reading for durations."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never run backwards."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never run backwards."""
        return time.monotonic()


@dataclass
class FrozenClock:
    """A clock that stands still until it is told to move."""

    moment: datetime

    def now(self) -> datetime:
        """Return the moment the clock was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Return the moment as seconds since the epoch."""
        return self.moment.timestamp()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``."""
        self.moment += timedelta(seconds=seconds)


SYSTEM_CLOCK = SystemClock()
