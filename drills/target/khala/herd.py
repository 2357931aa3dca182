"""The clients of a cohort, and the lines by which their process speaks to the drill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from drills.target.khala.client import FAILURES, KhalaClient
from drills.target.khala.figures import Kind

#: Where the cursor of a client stands that was away for longer than anything is retained.
BEFORE_EVERYTHING = 0


class Task(BaseModel):
    """What a cohort does. ``old`` of its clients come back each time with the oldest cursor there is."""

    model_config = ConfigDict(frozen=True)

    socket_url: str
    topic: str
    clients: int
    old: int
    stay_seconds: float


class Measured(BaseModel):
    """One line of output: something that was measured."""

    model_config = ConfigDict(frozen=True)

    line: Literal["measured"] = "measured"
    kind: Kind
    at: float
    milliseconds: float


class Failed(BaseModel):
    """One line of output: a visit that came to nothing."""

    model_config = ConfigDict(frozen=True)

    line: Literal["failed"] = "failed"
    reason: str


LINE: TypeAdapter[Measured | Failed] = TypeAdapter(Annotated[Measured | Failed, Field(discriminator="line")])


class Herd:
    """The clients of one task; ``tell`` is given what they measure."""

    def __init__(self, task: Task, token: str, tell: Callable[[Measured | Failed], object]) -> None:
        self.token = token
        self._task = task
        self._tell = tell

    async def run(self) -> None:
        """Live until cancelled; the first connections are spread over one stay."""
        await asyncio.gather(*(self._client(index) for index in range(self._task.clients)))

    async def _client(self, index: int) -> None:
        await asyncio.sleep(self._task.stay_seconds * index / self._task.clients)
        old = index < self._task.old
        cursor = BEFORE_EVERYTHING if old else None
        while True:
            try:
                seen = await self._visit(cursor)
            except FAILURES as error:
                self._tell(Failed(reason=f"{type(error).__name__}: {error}".replace(self.token, "…")))
                await asyncio.sleep(self._task.stay_seconds)
            else:
                cursor = BEFORE_EVERYTHING if old else seen

    async def _visit(self, cursor: int | None) -> int | None:
        """Return the newest watermark seen; None after a stale cursor, as for a client that loads everything anew."""
        task = self._task
        async with KhalaClient.joined(task.socket_url, self.token, task.topic) as client:
            begun = time.monotonic()
            answer = await client.subscribe(cursor)
            if cursor is not None and not answer.stale:
                await client.caught_up()
            if cursor is not None:
                self._took(Kind.STALE_CURSOR if answer.stale else Kind.CATCH_UP, begun)
            last = await client.stay(task.stay_seconds)
            marks = [mark for mark in (cursor, answer.head, last) if mark is not None]
            return None if answer.stale else max(marks, default=None)

    def _took(self, kind: Kind, begun: float) -> None:
        taken = (time.monotonic() - begun) * 1000
        self._tell(Measured(kind=kind, at=round(time.time(), 3), milliseconds=round(taken, 3)))
