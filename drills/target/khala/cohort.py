"""Synthetic clients that connect, drop and resume, so that catch-up has something to measure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from drills.target.khala.client import ANSWER_SECONDS, FAILURES, KhalaClient
from drills.target.khala.figures import Figures, Kind

#: Where the cursor of a client stands that was away for longer than anything is retained.
BEFORE_EVERYTHING = 0


class Cohort:
    """``clients`` Phoenix clients that subscribe, stay a while, drop, and resume from where they were.

    A share of them, ``old_cursors``, come back each time with the oldest cursor there is. What they meet is written
    into ``figures``.
    """

    def __init__(
        self,
        socket_url: str,
        topic: str,
        token: Callable[[], str],
        figures: Figures,
        *,
        clients: int,
        stay_seconds: float,
        old_cursors: float = 0.0,
    ) -> None:
        self._url = socket_url
        self._topic = topic
        self._token = token
        self._figures = figures
        self._clients = clients
        self._old = round(clients * old_cursors)
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
        old = index < self._old
        cursor = BEFORE_EVERYTHING if old else None
        while True:
            try:
                seen = await self._visit(cursor)
            except FAILURES as error:
                self._figures.failures.append(f"{type(error).__name__}: {error}".split("?token=")[0])
                await asyncio.sleep(self._stay)
            else:
                cursor = BEFORE_EVERYTHING if old else seen

    async def _visit(self, cursor: int | None) -> int | None:
        """Return the newest watermark seen; None after a stale cursor, as for a client that loads everything anew."""
        token = await asyncio.to_thread(self._token)
        async with KhalaClient.joined(self._url, token, self._topic) as client:
            begun = time.monotonic()
            answer = await client.subscribe(cursor)
            if answer.stale:
                self._figures.took("cohort", Kind.STALE_CURSOR, begun)
                await client.stay(self._stay)
                return None
            marks = [cursor, answer.head]
            if cursor is not None:
                await client.caught_up()
                self._figures.took("cohort", Kind.CATCH_UP, begun)
            marks.append(await client.stay(self._stay))
            return max((mark for mark in marks if mark is not None), default=None)
