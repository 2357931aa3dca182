"""One client that measures the Khala lane from outside: join, catch-up, update, heartbeat, and an old cursor."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from drills import phoenix
from drills.target.khala.client import ANSWER_SECONDS, FAILURES, KhalaClient
from drills.target.khala.figures import Figures, Kind
from drills.target.khala.herd import BEFORE_EVERYTHING
from drills.target.ports import Stimulus

CATCH_UPS, UPDATES, HEARTBEATS = 20, 3, 3
#: One for each catch-up, and one each for the old cursor, for the head, and for updates and heartbeats.
JOINS = CATCH_UPS + 3
#: The watermark that follows a cursor from before everything.
FIRST = BEFORE_EVERYTHING + 1
#: A catch-up of the probe begins so many updates before the head.
BEHIND = 20


@dataclass(frozen=True, slots=True)
class OldCursor:
    """What came of a cursor from before everything: it was told ``stale``, or what was replayed has no gap before it.

    Anything else loses documents without a word.
    """

    stale: bool
    gapless: bool

    @property
    def honest(self) -> bool:
        """Whether the client can know what it has missed."""
        return self.stale or self.gapless


class Probe:
    """Measures in a thread of its own; :meth:`done` says when it is through. What it sees is written into ``figures``.

    ``cause`` has the authority write an event and returns it; without it no update is timed.
    """

    def __init__(
        self,
        socket_url: str,
        topic: str,
        token: Callable[[], str],
        figures: Figures,
        *,
        cause: Callable[[], Stimulus | None] | None,
        update_seconds: float,
    ) -> None:
        self.old_cursor: OldCursor | None = None
        self.failures: list[str] = []
        self._url = socket_url
        self._topic = topic
        self._token = token
        self._figures = figures
        self._cause = cause
        self._patience = update_seconds
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(timeout=ANSWER_SECONDS)

    @property
    def times_updates(self) -> bool:
        """Whether updates are timed at all."""
        return self._cause is not None

    def done(self) -> bool:
        """Whether everything was measured, or given up."""
        return not self._thread.is_alive()

    async def _run(self) -> None:
        for part in (self._try_old_cursor, self._catch_up, self._talk):
            try:
                await part(await asyncio.to_thread(self._token))
            except FAILURES as error:
                self.failures.append(f"{type(error).__name__}: {error}".split("?token=")[0])

    @asynccontextmanager
    async def _joined(self, token: str) -> AsyncIterator[KhalaClient]:
        begun = time.monotonic()
        async with KhalaClient.joined(self._url, token, self._topic) as client:
            self._figures.took("probe", Kind.JOIN, begun)
            yield client

    async def _try_old_cursor(self, token: str) -> None:
        async with self._joined(token) as client:
            begun = time.monotonic()
            answer = await client.subscribe(BEFORE_EVERYTHING)
            if answer.stale:
                self._figures.took("probe", Kind.STALE_CURSOR, begun)
            first = None if answer.stale else await client.first_update()
            self.old_cursor = OldCursor(answer.stale, gapless=not answer.stale and first in {None, FIRST})

    async def _catch_up(self, token: str) -> None:
        async with self._joined(token) as client:
            head = (await client.subscribe(None)).head or BEFORE_EVERYTHING
        for _ in range(CATCH_UPS):
            async with self._joined(token) as client:
                begun = time.monotonic()
                stale = (await client.subscribe(max(head - BEHIND, BEFORE_EVERYTHING))).stale
                if not stale:
                    await client.caught_up()
                self._figures.took("probe", Kind.STALE_CURSOR if stale else Kind.CATCH_UP, begun)

    async def _talk(self, token: str) -> None:
        async with self._joined(token) as client:
            await client.subscribe(None)
            for _ in range(UPDATES if self._cause else 0):
                await self._update(client)
            for _ in range(HEARTBEATS):
                begun = time.monotonic()
                await client.ask(phoenix.HEARTBEAT, {}, phoenix.PHOENIX_TOPIC)
                await client.ask("sync:heartbeat", {})
                self._figures.took("probe", Kind.HEARTBEAT, begun)

    async def _update(self, client: KhalaClient) -> None:
        begun = time.monotonic()
        event = await asyncio.to_thread(self._cause) if self._cause else None
        if event is None:
            return
        try:
            async with asyncio.timeout(self._patience):
                await client.updated(event.doc_key, event.seq)
        except TimeoutError:
            self.failures.append(f"an update was not there after {self._patience:g} s")
        else:
            self._figures.took("probe", Kind.UPDATE, begun)
