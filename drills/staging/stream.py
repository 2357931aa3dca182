"""Reading the stream journal: the newest rows from memory, older ones from the store.

A reader keeps a position and asks for what comes after it; being woken only means that it is worth asking. Replay and
live delivery are therefore one and the same walk, and nothing can fall between them or come twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from drills.staging.bell import Bell
from drills.staging.documents import TOPICS
from drills.staging.sinks import JournalRow
from drills.staging.store import Store, stream, topics

#: Rows of each topic that are kept in memory for live readers.
KEPT_ROWS = 2000


class PrunedError(LookupError):
    """Rows after this position are gone; the reader must start over from the documents."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a topic retains: its oldest watermark (``head + 1`` when nothing is retained) and its newest."""

    oldest: int
    head: int

    @property
    def floor(self) -> int:
        """The lowest position from which nothing is missed."""
        return max(self.oldest - 1, 0)


class StreamReader:
    """Reads the journal of every topic; ``grown`` rings when rows were added."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: dict[str, deque[JournalRow]] = {topic: deque(maxlen=KEPT_ROWS) for topic in TOPICS}
        self._heads = dict.fromkeys(TOPICS, 0)
        self.grown = Bell()

    async def open(self) -> None:
        """Learn where every topic stands."""
        bounds = await self.bounds(TOPICS)
        self._heads = {topic: bound.head for topic, bound in bounds.items()}

    def extend(self, rows: Iterable[JournalRow]) -> None:
        """Take rows that were just committed, in the order of their watermarks."""
        for row in rows:
            self._recent[row.topic].append(row)
            self._heads[row.topic] = row.watermark
        self.grown.ring()

    def heads(self, of: Iterable[str]) -> dict[str, int]:
        """Return the newest watermark of each topic."""
        return {topic: self._heads[topic] for topic in of}

    async def bounds(self, of: Sequence[str]) -> dict[str, Bounds]:
        """Return what each topic retains now."""
        return await asyncio.to_thread(read_bounds, self._store, of)

    async def after(self, topic: str, watermark: int, limit: int) -> Sequence[JournalRow]:
        """Return at most ``limit`` rows above ``watermark``, ascending and without a gap.

        Raises:
            PrunedError: some of them were pruned before they could be read.
        """
        if watermark >= self._heads[topic]:
            return ()
        recent = self._recent[topic]
        if recent and recent[0].watermark <= watermark + 1:
            start = watermark + 1 - recent[0].watermark
            return [recent[index] for index in range(start, min(start + limit, len(recent)))]
        rows = await asyncio.to_thread(self._stored, topic, watermark, limit)
        if not rows or rows[0].watermark != watermark + 1:
            raise PrunedError(f"{topic} no longer holds what follows {watermark}")
        return rows

    def _stored(self, topic: str, watermark: int, limit: int) -> list[JournalRow]:
        query = select(stream).where(stream.c.topic == topic, stream.c.watermark > watermark)
        with self._store.reading() as connection:
            rows = connection.execute(query.order_by(stream.c.watermark).limit(limit)).all()
        return [JournalRow(*row) for row in rows]


def read_bounds(store: Store, of: Sequence[str]) -> dict[str, Bounds]:
    """Return what each topic retains, as one snapshot of the store."""
    oldest = select(stream.c.topic, func.min(stream.c.watermark)).group_by(stream.c.topic)
    with store.reading() as connection:
        retained: dict[str, int] = dict(connection.execute(oldest).all())
        following: dict[str, int] = dict(connection.execute(select(topics)).all())
    return {topic: Bounds(retained.get(topic, following[topic]), following[topic] - 1) for topic in of}
