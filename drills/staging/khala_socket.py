"""The Khala socket: Phoenix frames over a WebSocket, on which a client joins ``sync:v1``.

The token is checked before the socket is accepted; a refused one sees HTTP 403. Under the fault ``khala-stall`` the
socket is accepted, read, and never written to.

A client that reads too slowly is put out: once what the system holds for it is full, a frame may wait for
``slow_seconds`` and no longer, so that nobody's backlog grows here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from drills.clock import Clock
from drills.errors import FrameInvalid
from drills.phoenix import CLOSE, ERROR, HEARTBEAT, JOIN, LEAVE, PHOENIX_TOPIC, SERIALIZER_VERSION, Frame, decode
from drills.staging.channel import CHANNEL_TOPIC, Channel, Services
from drills.staging.faults import KHALA_STALL
from drills.staging.runtime_log import RuntimeLog
from drills.staging.tokens import Claims, TokenIssuer, TokenRefusedError

MAXIMUM_FRAME_CHARACTERS = 64 * 1024
#: A client may send so many frames at once, and so many a second in the long run.
BURST_FRAMES, FRAMES_PER_SECOND = 100, 50
POLICY_VIOLATION, UNREADABLE = 1008, 1003


class KhalaEndpoint:
    """Serves sockets. One instance serves all of them."""

    def __init__(self, services: Services, tokens: TokenIssuer, log: RuntimeLog) -> None:
        self._services = services
        self._tokens = tokens
        self._log = log

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket to its end."""
        if (claims := await self._admit(websocket)) is None:
            return
        await websocket.accept()
        self._count("connect", "ok")
        try:
            await _Connection(websocket, claims, self._services, self._log).serve()
        finally:
            self._count("disconnect", "ok")

    async def _admit(self, websocket: WebSocket) -> Claims | None:
        if websocket.query_params.get("vsn") != SERIALIZER_VERSION:
            await self._refuse(websocket, "bad_version")
            return None
        try:
            return self._tokens.verify(websocket.query_params.get("token", ""))
        except TokenRefusedError:
            await self._refuse(websocket, "unauthorized")
            return None

    async def _refuse(self, websocket: WebSocket, status: str) -> None:
        self._count("connect", status)
        await websocket.close(POLICY_VIOLATION)

    def _count(self, action: str, status: str) -> None:
        self._services.metrics.connections.labels(action, status).inc()


@dataclass(slots=True)
class _Allowance:
    # A bucket of frames that refills at a steady rate.
    clock: Clock
    at: float
    left: float = BURST_FRAMES

    def wait_milliseconds(self) -> int:
        """Take one frame and return 0, or how long until there is one."""
        now = self.clock.monotonic()
        self.left = min(self.left + (now - self.at) * FRAMES_PER_SECOND, BURST_FRAMES)
        self.at = now
        if self.left < 1:
            return max(round((1 - self.left) / FRAMES_PER_SECOND * 1000), 1)
        self.left -= 1
        return 0


class _SlowConsumerError(Exception):
    """The client did not read for too long."""


class _Connection:
    def __init__(self, websocket: WebSocket, claims: Claims, services: Services, log: RuntimeLog) -> None:
        self._websocket = websocket
        self._claims = claims
        self._services = services
        self._log = log
        self._allowance = _Allowance(services.clock, services.clock.monotonic())
        self._channel: Channel | None = None
        self._running: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer frames until the client is gone, or is too slow."""
        try:
            await self._serve()
        except* _SlowConsumerError:
            self._services.metrics.evictions.labels("close", "slow_consumer").inc()
            self._log.write("khala_socket", "slow consumer closed", "warning")

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            try:
                while True:
                    await self._receive(await self._text(), tasks)
            except WebSocketDisconnect:
                pass
            except FrameInvalid as error:
                self._log.write("khala_socket", "unreadable frame", "warning", reason=error.message)
                await self._close(UNREADABLE)
            finally:
                self._leave()

    async def send(self, frame: Frame) -> None:
        """Send ``frame``; a client that is gone is no error, and a stalled socket says nothing."""
        if KHALA_STALL in self._services.faults or self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(self._services.slow_seconds):
                await self._websocket.send_text(frame.encode())
        except TimeoutError:
            raise _SlowConsumerError from None
        except WebSocketDisconnect:
            # The reading side learns of it by itself and ends the connection.
            return

    async def _text(self) -> str | bytes:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text: str | bytes | None = message.get("text")
        return message["bytes"] if text is None else text

    async def _receive(self, text: str | bytes, tasks: asyncio.TaskGroup) -> None:
        frame = decode(text)
        if self._channel:
            self._channel.hear()
        if problem := self._problem(text):
            await self.send(frame.reply("error", problem))
        elif frame.topic == PHOENIX_TOPIC and frame.event == HEARTBEAT:
            await self.send(frame.reply("ok", {}))
        elif frame.event == JOIN:
            await self._join(frame, tasks)
        elif self._channel is None or frame.topic != CHANNEL_TOPIC:
            await self.send(frame.reply("error", {"reason": "unmatched topic"}))
        elif frame.event == LEAVE:
            await self._say_goodbye(frame, self._channel)
        else:
            await self._ask(frame, self._channel)

    def _problem(self, text: str | bytes) -> Mapping[str, object] | None:
        if len(text) > MAXIMUM_FRAME_CHARACTERS:
            return {"code": "payload_too_large", "limit": MAXIMUM_FRAME_CHARACTERS}
        if wait := self._allowance.wait_milliseconds():
            return {"code": "rate_limited", "retry_after_ms": wait}
        return None

    async def _join(self, frame: Frame, tasks: asyncio.TaskGroup) -> None:
        if frame.topic != CHANNEL_TOPIC:
            self._services.metrics.connections.labels("join", "bad_topic").inc()
            await self.send(frame.reply("error", {"code": "bad_topic"}))
            return
        if self._channel:
            # As Phoenix does: the newer join wins, the older one is told that it is over.
            await self._channel.push(CLOSE, {})
        self._leave()
        self._services.metrics.connections.labels("join", "ok").inc()
        self._channel = Channel(frame.join_ref, self._claims, self, self._services)
        await self.send(frame.reply("ok", self._channel.welcome()))
        self._running = tasks.create_task(self._run(self._channel))

    async def _run(self, channel: Channel) -> None:
        try:
            with self._services.metrics.active.labels("join", "ok").track_inprogress():
                await channel.run()
        except* SQLAlchemyError as errors:
            self._log_failure(errors.exceptions[0])
            await channel.push(ERROR, {})
        self._channel = None

    async def _ask(self, frame: Frame, channel: Channel) -> None:
        try:
            await channel.handle(frame)
        except SQLAlchemyError as error:
            self._log_failure(error)
            await self.send(frame.reply("error", {"code": "internal"}))

    def _log_failure(self, error: Exception) -> None:
        self._log.write("khala_socket", "the store failed", "error", reason=type(error).__name__)

    async def _say_goodbye(self, frame: Frame, channel: Channel) -> None:
        self._leave()
        await self.send(frame.reply("ok", {}))
        await channel.push(CLOSE, {})

    def _leave(self) -> None:
        if self._running:
            self._running.cancel()
        self._running = self._channel = None

    async def _close(self, code: int) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            await self._websocket.close(code)
