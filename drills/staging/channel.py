"""The channel ``sync:v1``: one joined client, its subscriptions, its heartbeats and its end.

Whatever was asked, the channel only remembers how far each subscription has been sent and walks on from there, at
subscription and whenever the stream grows. The order of updates is therefore the order of watermarks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from drills.clock import Clock
from drills.phoenix import CLOSE, Frame
from drills.staging.faults import KHALA_STALL, STALE_CURSOR
from drills.staging.live_settings import ActiveFaults
from drills.staging.metrics import Metrics
from drills.staging.sinks import JournalRow
from drills.staging.stream import PrunedError, StreamReader
from drills.staging.subscriptions import (
    BadSubscriptionError,
    StaleTopic,
    Subscribe,
    cut,
    read_subscribe,
    read_unsubscribe,
    stale_cursor,
    stale_topics,
    update_batch,
    watermarks,
)
from drills.staging.tokens import Claims

CHANNEL_TOPIC = "sync:v1"


class Outlet(Protocol):
    """Where a channel's frames go."""

    async def send(self, frame: Frame) -> None:
        """Send ``frame``; a client that is gone is no error."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every channel of the runtime shares."""

    reader: StreamReader
    metrics: Metrics
    faults: ActiveFaults
    clock: Clock
    heartbeat_seconds: float
    timeout_seconds: float


@dataclass(slots=True)
class _Replay:
    # One subscribe request; its topics are ``behind`` until each was sent everything there was.
    began: float
    behind: set[str]


@dataclass(slots=True)
class _Subscription:
    topic: str
    position: int
    batch: int
    replay: _Replay


class RequestRefusedError(Exception):
    """The error reply that a request gets."""

    def __init__(self, code: str, facts: Mapping[str, object]) -> None:
        super().__init__(code)
        self.response = {"code": code, **facts}


class Channel:
    """One joined client. ``join_ref`` names its join in every frame that it is sent."""

    def __init__(self, join_ref: str | None, claims: Claims, outlet: Outlet, services: Services) -> None:
        self.join_ref = join_ref
        self.subscription_id = uuid4().hex
        self._claims = claims
        self._outlet = outlet
        self._services = services
        self._subscriptions: dict[str, _Subscription] = {}
        self._last_heard = services.clock.monotonic()
        self._work = asyncio.Event()
        self._turn = asyncio.Lock()
        self._handlers: Mapping[str, Callable[[Frame], Awaitable[Mapping[str, object]]]] = {
            "sync:subscribe": self._subscribe,
            "sync:unsubscribe": self._unsubscribe,
            "sync:heartbeat": self._heartbeat,
        }

    def hear(self) -> None:
        """Note a sign of life of the client."""
        self._last_heard = self._services.clock.monotonic()

    def welcome(self) -> Mapping[str, object]:
        """Return the answer to the join."""
        allowed = list(self._claims.topics)
        return {"subscription_id": self.subscription_id, "allowed_topics": allowed, "current_watermarks": []}

    async def handle(self, frame: Frame) -> None:
        """Do what ``frame`` asks and answer it; no update comes between the two."""
        async with self._turn:
            await self._answer(frame)
        self._work.set()

    async def run(self) -> None:
        """Deliver updates and heartbeats until the client has been silent for too long, then close the channel."""
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(self._deliver()), tasks.create_task(self._beat())
            await self._silence()
            for task in working:
                task.cancel()
        self._services.metrics.timeouts.labels("close", "timeout").inc()
        await self.push(CLOSE, {"reason": "timeout"})

    async def push(self, event: str, payload: Mapping[str, object]) -> None:
        """Send the client something that it did not ask for."""
        await self._outlet.send(Frame(self.join_ref, None, CHANNEL_TOPIC, event, payload))

    async def _answer(self, frame: Frame) -> None:
        try:
            handler = self._handlers.get(frame.event, _unknown)
            await self._outlet.send(frame.reply("ok", await handler(frame)))
        except RequestRefusedError as refused:
            await self._outlet.send(frame.reply("error", refused.response))

    async def _subscribe(self, frame: Frame) -> Mapping[str, object]:
        request = await self._admitted(frame)
        bounds = await self._services.reader.bounds(request.topics)
        stale = stale_topics(request.resume_after, bounds)
        if STALE_CURSOR in self._services.faults:
            stale = tuple(StaleTopic(topic, at, at + 1) for topic, at in request.resume_after.items())
        heads = {topic: bound.head for topic, bound in bounds.items()}
        await self._refuse_stale(stale, heads)
        self._note_resumption(request, heads)
        replay = _Replay(self._services.clock.monotonic(), set(request.topics))
        for topic in request.topics:
            position = request.resume_after.get(topic, heads[topic])
            self._subscriptions[topic] = _Subscription(topic, position, request.batch, replay)
        return {
            "subscription_id": self.subscription_id,
            "topics": list(request.topics),
            "current_watermarks": watermarks(heads),
        }

    async def _admitted(self, frame: Frame) -> Subscribe:
        if self._services.clock.now() >= self._claims.expires_at:
            raise RequestRefusedError("unauthorized", {"message": "the token has expired; connect with a new one"})
        try:
            request = read_subscribe(frame.payload)
        except BadSubscriptionError as error:
            raise RequestRefusedError("bad_subscription", {"message": str(error)}) from None
        if forbidden := [topic for topic in request.topics if topic not in self._claims.topics]:
            raise RequestRefusedError("forbidden_topic", {"forbidden_topics": forbidden})
        return request

    async def _refuse_stale(self, stale: tuple[StaleTopic, ...], heads: Mapping[str, int]) -> None:
        if not stale:
            return
        metrics = self._services.metrics
        metrics.catchup.labels("stale_cursor").observe(0)
        for topic in stale:
            behind = max(heads[topic.topic] - topic.resume_after, 0)
            metrics.replay_lag.labels(topic.topic, "stale_cursor").observe(behind)
        error = stale_cursor(stale)
        await self.push("sync:error", error)
        raise RequestRefusedError("stale_cursor", error)

    def _note_resumption(self, request: Subscribe, heads: Mapping[str, int]) -> None:
        metrics = self._services.metrics
        for topic in request.topics:
            behind = heads[topic] - request.resume_after.get(topic, heads[topic])
            metrics.replay_lag.labels(topic, "ok").observe(behind)
        if request.resume_after:
            metrics.reconnects.labels("resume", "ok").inc()

    async def _unsubscribe(self, frame: Frame) -> Mapping[str, object]:
        try:
            topics = read_unsubscribe(frame.payload)
        except BadSubscriptionError as error:
            raise RequestRefusedError("bad_subscription", {"message": str(error)}) from None
        for topic in topics:
            self._subscriptions.pop(topic, None)
        return {
            "subscription_id": self.subscription_id,
            "topics": list(self._subscriptions),
            "current_watermarks": self._watermarks(),
        }

    async def _heartbeat(self, _frame: Frame) -> Mapping[str, object]:
        self._services.metrics.heartbeats.labels("client", "ok").inc()
        answer = {"current_watermarks": self._watermarks()}
        await self.push("sync:heartbeat", answer)
        return answer

    def _watermarks(self) -> list[dict[str, object]]:
        return watermarks(self._services.reader.heads(self._subscriptions))

    async def _silence(self) -> None:
        clock, timeout = self._services.clock, self._services.timeout_seconds
        while (left := self._last_heard + timeout - clock.monotonic()) > 0:  # noqa: ASYNC110 - nothing to be woken by
            await asyncio.sleep(left)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._services.heartbeat_seconds)
            self._services.metrics.heartbeats.labels("server", "ok").inc()
            await self.push("sync:heartbeat", {"current_watermarks": self._watermarks()})

    async def _deliver(self) -> None:
        grown, faults_changed = self._services.reader.grown, self._services.faults.changed
        with grown.heard(self._work), faults_changed.heard(self._work):
            while True:
                self._work.clear()
                while await self._deliver_some():
                    pass
                await self._work.wait()

    async def _deliver_some(self) -> bool:
        if KHALA_STALL in self._services.faults:
            return False
        sent = [await self._deliver_topic(subscription) for subscription in tuple(self._subscriptions.values())]
        return any(sent)

    async def _deliver_topic(self, subscription: _Subscription) -> bool:
        try:
            rows = await self._services.reader.after(subscription.topic, subscription.position, subscription.batch)
        except PrunedError:
            await self._lost(subscription)
            return False
        async with self._turn:
            # It may have been replaced or ended while the rows were being read.
            if self._subscriptions.get(subscription.topic) is not subscription:
                return False
            return await self._send_rows(subscription, rows)

    async def _send_rows(self, subscription: _Subscription, rows: Sequence[JournalRow]) -> bool:
        batch = cut(rows)
        finished = len(batch) == len(rows) < subscription.batch and self._caught_up(subscription)
        if batch:
            subscription.position = batch[-1].watermark
        if batch or finished:
            heads = self._services.reader.heads(self._subscriptions)
            complete = not subscription.replay.behind
            await self.push("sync:update_batch", update_batch(batch, heads, complete=complete))
        return bool(batch)

    def _caught_up(self, subscription: _Subscription) -> bool:
        replay = subscription.replay
        if subscription.topic not in replay.behind:
            return False
        replay.behind.remove(subscription.topic)
        if replay.behind:
            return False
        took = self._services.clock.monotonic() - replay.began
        self._services.metrics.catchup.labels("ok").observe(took * 1000)
        return True

    async def _lost(self, subscription: _Subscription) -> None:
        self._subscriptions.pop(subscription.topic, None)
        bounds = await self._services.reader.bounds([subscription.topic])
        floor = bounds[subscription.topic].floor
        await self.push("sync:error", stale_cursor([StaleTopic(subscription.topic, subscription.position, floor)]))


async def _unknown(frame: Frame) -> Mapping[str, object]:
    raise RequestRefusedError("unknown_event", {"message": f"{frame.event} is not an event of {CHANNEL_TOPIC}"})
