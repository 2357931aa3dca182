"""Waking tasks that wait for something to change. All of it belongs to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Bell:
    """Something that many tasks may wait for. A ring between two waits is not missed."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake everybody who listens."""
        for listener in self._listeners:
            listener.set()

    @contextmanager
    def heard(self, by: asyncio.Event | None = None) -> Generator[asyncio.Event]:
        """Yield an event (``by``, or a new one) that every ring sets, until the block ends."""
        listener = by or asyncio.Event()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


async def rest(event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set or ``seconds`` are over; clear it and return whether it was set."""
    if not event.is_set():
        try:
            await asyncio.wait_for(event.wait(), max(seconds, 0))
        except TimeoutError:
            return False
    event.clear()
    return True
