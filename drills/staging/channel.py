"""The channel ``sync:v1``: one joined client, what it asks for, its heartbeats and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from drills.clock import Clock
from drills.phoenix import CLOSE, Frame
from drills.staging.delivery import Delivery
from drills.staging.faults import HEARTBEAT_MUTE, STALE_CURSOR, STALE_IGNORED, STALE_UNCOUNTED
from drills.staging.live_settings import ActiveFaults
from drills.staging.metrics import Metrics
from drills.staging.stream import Bounds, StreamReader
from drills.staging.subscriptions import (
    BadSubscriptionError,
    StaleTopic,
    Subscribe,
    read_subscribe,
    read_unsubscribe,
    stale_cursor,
    stale_topics,
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
    slow_seconds: float


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
        self._delivery = Delivery(services.reader, services.metrics, services.faults, services.clock, self.push)
        self._last_heard = services.clock.monotonic()
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
        async with self._delivery.turn:
            await self._answer(frame)

    async def run(self) -> None:
        """Deliver updates and heartbeats until the client has been silent for too long, then close the channel."""
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(self._delivery.run()), tasks.create_task(self._beat())
            await self._silence()
            for task in working:
                task.cancel()
        self._services.metrics.timeouts.labels("close", "timeout").inc()
        await self.push(CLOSE, {"reason": "timeout"})

    async def push(self, event: str, payload: Mapping[str, object]) -> None:
        """Send the client something that it did not ask for."""
        await self._outlet.send(Frame(self.join_ref, None, CHANNEL_TOPIC, event, payload))

    async def _answer(self, frame: Frame) -> None:
        if frame.event == "sync:heartbeat" and HEARTBEAT_MUTE in self._services.faults:
            return
        try:
            handler = self._handlers.get(frame.event, _unknown)
            await self._outlet.send(frame.reply("ok", await handler(frame)))
        except RequestRefusedError as refused:
            await self._outlet.send(frame.reply("error", refused.response))

    async def _subscribe(self, frame: Frame) -> Mapping[str, object]:
        request = self._admitted(frame)
        bounds = await self._services.reader.bounds(request.topics)
        heads = {topic: bound.head for topic, bound in bounds.items()}
        if stale := self._stale(request, bounds):
            await self._refuse_stale(stale, heads)
        # A floor can be above a cursor only under the fault that lets stale ones pass.
        positions = {
            topic: max(request.resume_after.get(topic, heads[topic]), bounds[topic].floor) for topic in request.topics
        }
        self._count(positions, heads, resumed=bool(request.resume_after))
        self._delivery.start(positions, request.batch, resumed=bool(request.resume_after))
        return {
            "subscription_id": self.subscription_id,
            "topics": list(request.topics),
            "current_watermarks": watermarks(heads),
        }

    def _admitted(self, frame: Frame) -> Subscribe:
        if self._services.clock.now() >= self._claims.expires_at:
            raise RequestRefusedError("unauthorized", {"message": "the token has expired; connect with a new one"})
        try:
            request = read_subscribe(frame.payload)
        except BadSubscriptionError as error:
            raise RequestRefusedError("bad_subscription", {"message": str(error)}) from None
        if forbidden := [topic for topic in request.topics if topic not in self._claims.topics]:
            raise RequestRefusedError("forbidden_topic", {"forbidden_topics": forbidden})
        return request

    def _stale(self, request: Subscribe, bounds: Mapping[str, Bounds]) -> tuple[StaleTopic, ...]:
        if STALE_IGNORED in self._services.faults:
            return ()
        if STALE_CURSOR not in self._services.faults:
            return stale_topics(request.resume_after, bounds)
        resumed = ((topic, at) for topic, at in request.resume_after.items() if topic in bounds)
        return tuple(StaleTopic(topic, at, at + 1) for topic, at in resumed)

    async def _refuse_stale(self, stale: tuple[StaleTopic, ...], heads: Mapping[str, int]) -> None:
        metrics = self._services.metrics
        if STALE_UNCOUNTED not in self._services.faults:
            metrics.catchup.labels("stale_cursor").observe(0)
        for topic in stale:
            behind = max(heads[topic.topic] - topic.resume_after, 0)
            metrics.replay_lag.labels(topic.topic, "stale_cursor").observe(behind)
        error = stale_cursor(stale)
        await self.push("sync:error", error)
        raise RequestRefusedError("stale_cursor", error)

    def _count(self, positions: Mapping[str, int], heads: Mapping[str, int], *, resumed: bool) -> None:
        for topic, position in positions.items():
            self._services.metrics.replay_lag.labels(topic, "ok").observe(heads[topic] - position)
        if resumed:
            self._services.metrics.reconnects.labels("resume", "ok").inc()

    async def _unsubscribe(self, frame: Frame) -> Mapping[str, object]:
        try:
            self._delivery.stop(read_unsubscribe(frame.payload))
        except BadSubscriptionError as error:
            raise RequestRefusedError("bad_subscription", {"message": str(error)}) from None
        heads = self._delivery.heads
        return {
            "subscription_id": self.subscription_id,
            "topics": list(heads),
            "current_watermarks": watermarks(heads),
        }

    async def _heartbeat(self, _frame: Frame) -> Mapping[str, object]:
        self._services.metrics.heartbeats.labels("client", "ok").inc()
        return await self._push_heartbeat()

    async def _push_heartbeat(self) -> Mapping[str, object]:
        marks = {"current_watermarks": watermarks(self._delivery.heads)}
        await self.push("sync:heartbeat", marks)
        return marks

    async def _silence(self) -> None:
        clock, timeout = self._services.clock, self._services.timeout_seconds
        while (left := self._last_heard + timeout - clock.monotonic()) > 0:  # noqa: ASYNC110 - nothing to be woken by
            await asyncio.sleep(left)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._services.heartbeat_seconds)
            self._services.metrics.heartbeats.labels("server", "ok").inc()
            await self._push_heartbeat()


async def _unknown(frame: Frame) -> Mapping[str, object]:
    raise RequestRefusedError("unknown_event", {"message": f"{frame.event} is not an event of {CHANNEL_TOPIC}"})
