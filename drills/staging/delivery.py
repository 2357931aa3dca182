"""Delivering the stream to one client: a position per subscription, walked on whenever there is more.

Replay after a subscription and live delivery are the same walk, so the order of updates is the order of watermarks, and
nothing falls between the two or comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from drills.clock import Clock
from drills.staging.faults import KHALA_STALL, REPLAY_LATE, REPLAY_UNCOUNTED
from drills.staging.live_settings import ActiveFaults
from drills.staging.metrics import Metrics
from drills.staging.sinks import JournalRow
from drills.staging.stream import PrunedError, StreamReader
from drills.staging.subscriptions import StaleTopic, cut, stale_cursor, update_batch

#: By how much a replay is late under the fault of that name.
LATE_SECONDS = 0.5
Push = Callable[[str, Mapping[str, object]], Awaitable[None]]


@dataclass(slots=True)
class _Replay:
    # One subscribe request; its topics are ``behind`` until each was sent everything there was.
    began: float
    behind: set[str]
    resumed: bool


@dataclass(slots=True)
class _Subscription:
    topic: str
    position: int
    batch: int
    replay: _Replay


class Delivery:
    """The subscriptions of one channel. While somebody holds ``turn``, no update is sent."""

    def __init__(self, reader: StreamReader, metrics: Metrics, faults: ActiveFaults, clock: Clock, push: Push) -> None:
        self.turn = asyncio.Lock()
        self._reader = reader
        self._metrics = metrics
        self._faults = faults
        self._clock = clock
        self._push = push
        self._subscriptions: dict[str, _Subscription] = {}
        self._work = asyncio.Event()

    @property
    def heads(self) -> Mapping[str, int]:
        """The newest watermark of every subscribed topic."""
        return self._reader.heads(self._subscriptions)

    def start(self, positions: Mapping[str, int], batch: int, *, resumed: bool) -> None:
        """Deliver what follows ``positions``, at most ``batch`` updates at once; this replaces older positions.

        Only a ``resumed`` subscription has anything to catch up with, so that only its time is measured.
        """
        replay = _Replay(self._clock.monotonic(), set(positions), resumed)
        for topic, position in positions.items():
            self._subscriptions[topic] = _Subscription(topic, position, batch, replay)
        self._work.set()

    def stop(self, topics: Iterable[str]) -> None:
        """Deliver nothing more of ``topics``."""
        for topic in topics:
            self._subscriptions.pop(topic, None)

    async def run(self) -> None:
        """Deliver for ever."""
        with self._reader.grown.heard(self._work), self._faults.changed.heard(self._work):
            while True:
                self._work.clear()
                while KHALA_STALL not in self._faults and await self._deliver_some():
                    pass
                await self._work.wait()

    async def _deliver_some(self) -> bool:
        sent = [await self._deliver(subscription) for subscription in tuple(self._subscriptions.values())]
        return any(sent)

    async def _deliver(self, subscription: _Subscription) -> bool:
        try:
            rows = await self._reader.after(subscription.topic, subscription.position, subscription.batch)
        except PrunedError:
            await self._lose(subscription)
            return False
        async with self.turn:
            # It may have been replaced or ended while the rows were being read.
            if self._subscriptions.get(subscription.topic) is not subscription:
                return False
            return await self._send(subscription, rows)

    async def _send(self, subscription: _Subscription, rows: Sequence[JournalRow]) -> bool:
        batch = cut(rows)
        finished = len(batch) == len(rows) < subscription.batch and self._finishes_replay(
            subscription, brings=bool(batch)
        )
        if finished and REPLAY_LATE in self._faults:
            await asyncio.sleep(LATE_SECONDS)
        if batch:
            subscription.position = batch[-1].watermark
        if batch or finished:
            complete = not subscription.replay.behind
            await self._push("sync:update_batch", update_batch(batch, self.heads, complete=complete))
        return bool(batch)

    def _finishes_replay(self, subscription: _Subscription, *, brings: bool) -> bool:
        replay = subscription.replay
        if subscription.topic not in replay.behind:
            return False
        replay.behind.remove(subscription.topic)
        if replay.behind:
            return False
        if replay.resumed and (brings or REPLAY_UNCOUNTED not in self._faults):
            self._metrics.catchup.labels("ok").observe((self._clock.monotonic() - replay.began) * 1000)
        return True

    async def _lose(self, subscription: _Subscription) -> None:
        self.stop([subscription.topic])
        bounds = await self._reader.bounds([subscription.topic])
        lost = StaleTopic(subscription.topic, subscription.position, bounds[subscription.topic].floor)
        await self._push("sync:error", stale_cursor([lost]))
