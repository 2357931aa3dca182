"""A Phoenix client of the Khala lane, and a small cohort of them: a second witness, from outside any browser."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx2
import websockets
from websockets.asyncio.client import ClientConnection, connect

from drills import phoenix
from drills.errors import FrameInvalid, TargetUnreachable
from drills.target.traffic import CHANNEL, UPDATE_BATCH

ANSWER_SECONDS = 5.0
TOKEN_RENEWAL_SECONDS = 120.0


@dataclass
class CohortFigures:
    """What the cohort saw: subscriptions answered, catch-up times in milliseconds, stale cursors, other failures."""

    subscriptions: int = 0
    catch_up_ms: list[float] = field(default_factory=list)
    stale_cursors: int = 0
    failures: list[str] = field(default_factory=list)


def mint_token(token_url: str, session: Mapping[str, str], scope: str, register: Callable[[str], object]) -> str:
    """Return a sync token for ``scope``, asked for with the headers of a ``session``.

    It is handed to ``register`` so that it can be redacted everywhere.

    Raises:
        TargetUnreachable: no token was given.
    """
    try:
        answer = httpx2.post(
            token_url,
            json={"scopes": [scope]},
            headers=dict(session),
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        token = str(answer.json()["data"]["token"])
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise TargetUnreachable(f"no sync token from {token_url}: {error}", remedy="drill doctor") from None
    register(token)
    return token


class Cohort:
    """``clients`` Phoenix clients that subscribe, stay a while, drop, and resume from where they were."""

    def __init__(
        self, socket_url: str, topic: str, token: Callable[[], str], *, clients: int, stay_seconds: float
    ) -> None:
        self.figures = CohortFigures()
        self._url = f"{socket_url}?vsn={phoenix.SERIALIZER_VERSION}"
        self._topic = topic
        self._token = token
        self._clients = clients
        self._stay = stay_seconds
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="cohort", daemon=True)
        self._stopping = threading.Event()
        self._stop: Callable[[], object] = self._stopping.set

    def __enter__(self) -> Self:
        if self._clients:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._stop()
        if self._thread.is_alive():
            self._thread.join(timeout=ANSWER_SECONDS)

    async def _run(self) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(done.set)
        if self._stopping.is_set():
            return
        tasks = [asyncio.create_task(self._client(index)) for index in range(self._clients)]
        await done.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, index: int) -> None:
        """Live the life of one client; the first connections are spread over one stay."""
        await asyncio.sleep(self._stay * index / self._clients)
        watermark: int | None = None
        while True:
            try:
                watermark = await self._visit(watermark)
            except (OSError, TimeoutError, websockets.WebSocketException, FrameInvalid, TargetUnreachable) as error:
                self.figures.failures.append(f"{type(error).__name__}: {error}".split("?token=")[0])
                await asyncio.sleep(self._stay)

    async def _visit(self, watermark: int | None) -> int | None:
        token = await asyncio.to_thread(self._token)
        async with connect(f"{self._url}&token={token}", proxy=None, open_timeout=ANSWER_SECONDS) as socket:
            channel = _Channel(socket)
            await channel.ask(phoenix.JOIN, {})
            begun = time.monotonic()
            resume = {self._topic: watermark} if watermark is not None else {}
            reply = await channel.ask("sync:subscribe", {"topics": [self._topic], "resume_after": resume})
            self.figures.subscriptions += 1
            response = reply.payload.get("response")
            if reply.payload.get("status") != "ok":
                self.figures.stale_cursors += isinstance(response, dict) and response.get("code") == "stale_cursor"
                await asyncio.sleep(self._stay)
                return None
            self.figures.catch_up_ms.append((time.monotonic() - begun) * 1000)
            return await self._listen(channel, watermark, _head(response, self._topic))

    async def _listen(self, channel: _Channel, watermark: int | None, head: int | None) -> int | None:
        marks = [mark for mark in (watermark, head) if mark is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._stay):
                async for frame in channel.pushes():
                    marks += _watermarks(frame)
        return max(marks, default=None)


class _Channel:
    """Requests and pushes on one joined channel."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._refs = itertools.count(1)
        self._pushed: list[phoenix.Frame] = []

    async def ask(self, event: str, payload: dict[str, object]) -> phoenix.Frame:
        """Send a request and return its reply; pushes that come first are kept."""
        ref = str(next(self._refs))
        await self._socket.send(phoenix.Frame("1", ref, CHANNEL, event, payload).encode())
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                frame = phoenix.decode(await self._socket.recv())
                if frame.event == phoenix.REPLY and frame.ref == ref:
                    return frame
                self._pushed.append(frame)

    async def pushes(self) -> AsyncIterator[phoenix.Frame]:
        """Yield what the server pushes, oldest first."""
        while self._pushed:
            yield self._pushed.pop(0)
        while True:
            yield phoenix.decode(await self._socket.recv())


def _head(response: object, topic: str) -> int | None:
    marks = response.get("current_watermarks") if isinstance(response, dict) else None
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict) and mark.get("topic") == topic and isinstance(mark.get("watermark"), int):
            return int(mark["watermark"])
    return None


def _watermarks(frame: phoenix.Frame) -> list[int]:
    updates = frame.payload.get("updates") if frame.event == UPDATE_BATCH else None
    found = (
        [update.get("watermark") for update in updates if isinstance(update, dict)] if isinstance(updates, list) else []
    )
    return [mark for mark in found if isinstance(mark, int)]
