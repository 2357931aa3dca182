"""One client of the ``sync:v1`` channel, on asyncio."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

import websockets
from websockets.asyncio.client import ClientConnection, connect

from drills import phoenix
from drills.errors import FrameInvalid, TargetUnreachable
from drills.target.traffic import CHANNEL, UPDATE_BATCH

ANSWER_SECONDS = 5.0
#: A third of the silence after which the server closes a channel.
BEAT_SECONDS = 20.0
STALE_CURSOR = "stale_cursor"
#: What ends a visit early, and is a finding rather than a fault of the drill.
FAILURES = (OSError, TimeoutError, websockets.WebSocketException, FrameInvalid, TargetUnreachable)
#: A batch is told from other pushes by this, so that those who need no content need not decode it.
_BATCH_WORD = f'"{UPDATE_BATCH}"'
_WORDS_BEFORE = 120


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a subscription: the head of the topic, or that the cursor is ``stale``."""

    head: int | None
    stale: bool = False


class KhalaClient:
    """A joined channel. Requests are answered one at a time; pushes that come first are kept in order."""

    def __init__(self, socket: ClientConnection, topic: str) -> None:
        self._socket = socket
        self._topic = topic
        self._refs = itertools.count(1)
        self._pushed: list[str] = []

    @classmethod
    @asynccontextmanager
    async def joined(cls, socket_url: str, token: str, topic: str) -> AsyncIterator[Self]:
        """Yield a client that has connected and joined.

        Raises:
            OSError, TimeoutError, WebSocketException, FrameInvalid, TargetUnreachable: it did not come to that.
        """
        url = f"{socket_url}?vsn={phoenix.SERIALIZER_VERSION}&token={token}"
        # Two hundred clients that inflate every frame would measure themselves.
        async with connect(url, proxy=None, open_timeout=ANSWER_SECONDS, close_timeout=1, compression=None) as socket:
            client = cls(socket, topic)
            if not _ok(await client.ask(phoenix.JOIN, {})):
                raise TargetUnreachable(f"{CHANNEL} cannot be joined", remedy="drill doctor")
            yield client

    async def subscribe(self, cursor: int | None) -> Subscribed:
        """Subscribe to the topic, from ``cursor`` on or from its head.

        Raises:
            TargetUnreachable: the subscription was refused, for another reason than a stale cursor.
        """
        resume = {} if cursor is None else {self._topic: cursor}
        reply = await self.ask("sync:subscribe", {"topics": [self._topic], "resume_after": resume})
        response = reply.payload.get("response")
        if _ok(reply):
            return Subscribed(_head(response, self._topic))
        code = response.get("code") if isinstance(response, dict) else None
        if code != STALE_CURSOR:
            raise TargetUnreachable(f"the subscription was refused: {code}", remedy="drill doctor")
        return Subscribed(None, stale=True)

    async def ask(self, event: str, payload: dict[str, object], topic: str = CHANNEL) -> phoenix.Frame:
        """Send a request and return its reply.

        Raises:
            TimeoutError: there was none in time.
        """
        ref = str(next(self._refs))
        await self._socket.send(phoenix.Frame("1", ref, topic, event, payload).encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                text = await self._receive()
                if not _is_batch(text) and _answers(frame := phoenix.decode(text), ref):
                    return frame
                self._pushed.append(text)

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield the batches of updates as they come, those that came already first."""
        async for text in self._texts():
            if _is_batch(text):
                yield Batch(phoenix.decode(text).payload)

    async def caught_up(self) -> None:
        """Return when a batch says that the replay is complete.

        Raises:
            TimeoutError: none did in time.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            async for batch in self.batches():
                if batch.complete:
                    return

    async def first_update(self) -> int | None:
        """Return the watermark with which a replay begins; None when there is nothing to replay.

        Raises:
            TimeoutError: nothing came in time.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            async for batch in self.batches():
                if batch.watermarks or batch.complete:
                    return min(batch.watermarks, default=None)
        return None

    async def updated(self, doc_key: str, version: int) -> None:
        """Return when the document has come at this version or a later one."""
        async for batch in self.batches():
            if batch.carries(doc_key, version):
                return

    async def stay(self, seconds: float) -> int | None:
        """Let updates come for so long, decode none but the last, and return its watermark; None without any.

        The channel is kept alive meanwhile.
        """
        newest: str | None = None
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            newest = await self._last_of(min(left, BEAT_SECONDS)) or newest
            if left > BEAT_SECONDS:
                await self.ask("sync:heartbeat", {})
        return None if newest is None else Batch(phoenix.decode(newest).payload).last

    async def _last_of(self, seconds: float) -> str | None:
        """Return the text of the last batch that comes within so long."""
        newest = None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for text in self._texts():
                    newest = text if _is_batch(text) else newest
        return newest

    async def _texts(self) -> AsyncIterator[str]:
        while True:
            yield self._pushed.pop(0) if self._pushed else await self._receive()

    async def _receive(self) -> str:
        text = await self._socket.recv()
        return text if isinstance(text, str) else text.decode()


@dataclass(frozen=True, slots=True)
class Batch:
    """One ``sync:update_batch``."""

    payload: Mapping[str, object]

    @property
    def complete(self) -> bool:
        """Whether the replay ends with it."""
        return self.payload.get("replay_complete") is True

    @property
    def watermarks(self) -> list[int]:
        """The watermarks of its updates, in order."""
        return [mark for update in self.updates if isinstance(mark := update.get("watermark"), int)]

    @property
    def last(self) -> int | None:
        """The last watermark, None where it holds no update."""
        return max(self.watermarks, default=None)

    def carries(self, doc_key: str, version: int) -> bool:
        """Whether it holds the document at this version or a later one."""
        return any(
            update.get("doc_key") == doc_key
            and isinstance(found := update.get("doc_version"), int)
            and found >= version
            for update in self.updates
        )

    @property
    def updates(self) -> list[dict[str, object]]:
        """Its updates, in order, as they are on the wire."""
        updates = self.payload.get("updates")
        return [update for update in updates if isinstance(update, dict)] if isinstance(updates, list) else []


def _ok(reply: phoenix.Frame) -> bool:
    return reply.payload.get("status") == "ok"


def _answers(frame: phoenix.Frame, ref: str) -> bool:
    return frame.event == phoenix.REPLY and frame.ref == ref


def _is_batch(text: str) -> bool:
    return text.find(_BATCH_WORD, 0, _WORDS_BEFORE) >= 0


def _head(response: object, topic: str) -> int | None:
    marks = response.get("current_watermarks") if isinstance(response, dict) else None
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict) and mark.get("topic") == topic and isinstance(mark.get("watermark"), int):
            return int(mark["watermark"])
    return None
