"""The two lanes from the projector to the sinks. Each has its own queue, so that neither waits for the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from drills.clock import Clock
from drills.staging.bell import Bell, rest
from drills.staging.documents import Document
from drills.staging.faults import (
    CONVEX_DROP,
    KHALA_CORRUPT,
    KHALA_DROP,
    KHALA_LAG,
    SINK_FORGETS,
    SINK_IGNORED,
    SINK_MUTES,
)
from drills.staging.live_settings import ActiveFaults, LiveSettings
from drills.staging.metrics import Metrics
from drills.staging.sinks import ConvexSink, KhalaSink, Outcome, Written
from drills.staging.stream import StreamReader

#: At most so many documents share a transaction.
BATCH = 100
LAG_SECONDS = 3.0


class InFlight:
    """Which documents are between the projector and their sinks. ``landed`` rings when a publish has ended."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self.landed = Bell()

    def begin(self, document_id: str) -> None:
        """Note that one more publish of the document has begun."""
        self._begun[document_id] += 1

    def end(self, document_ids: Iterable[str]) -> None:
        """Note that a publish of each document has ended, whatever came of it."""
        self._ended.update(document_ids)
        self.landed.ring()

    def marks(self, document_ids: Iterable[str]) -> Mapping[str, int | None]:
        """Return, for each document, how many publishes it has seen, or None while one is under way."""
        return {
            document_id: self._begun[document_id] if self._begun[document_id] == self._ended[document_id] else None
            for document_id in document_ids
        }

    async def settle(self, seconds: float) -> None:
        """Return when nothing is under way, or after ``seconds``."""
        with self.landed.heard() as landed:
            while self._begun != self._ended and await rest(landed, seconds):
                pass


class Route(Protocol):
    """How documents get to one sink."""

    @property
    def delay_seconds(self) -> float:
        """How long a document offered now is held back."""

    async def publish(self, documents: Sequence[Document]) -> None:
        """Bring ``documents``, in order, to the sink."""


class ConvexRoute:
    """The way to the Convex sink, with its metrics; open whatever the sink path is, unless a fault strikes."""

    delay_seconds = 0.0

    def __init__(self, sink: ConvexSink, metrics: Metrics, settings: LiveSettings, faults: ActiveFaults) -> None:
        self._sink = sink
        self._metrics = metrics
        self._settings = settings
        self._faults = faults

    async def publish(self, documents: Sequence[Document]) -> None:
        """Write ``documents`` to the Convex sink."""
        muted = SINK_MUTES in self._faults and self._settings.values.sink_path != "dual"
        if muted or CONVEX_DROP in self._faults:
            return
        for written in await asyncio.to_thread(self._sink.write, documents):
            self._count(written)

    def _count(self, written: Written) -> None:
        labels = written.document.projection.name, written.outcome.value
        self._metrics.convex_writes.labels(*labels).inc()
        self._metrics.convex_lag.labels(*labels).observe(max(written.behind, 0))
        if written.drifted:
            self._metrics.convex_drift.labels(*labels).inc()


class KhalaRoute:
    """The way to the Khala sink: closed when the sink path is ``convex-only``, and where its faults strike."""

    def __init__(
        self, sink: KhalaSink, reader: StreamReader, metrics: Metrics, settings: LiveSettings, faults: ActiveFaults
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._metrics = metrics
        self._settings = settings
        self._faults = faults
        self._missed: set[str] = set()

    @property
    def delay_seconds(self) -> float:
        """Three seconds under ``khala-lag``, otherwise none."""
        return LAG_SECONDS if KHALA_LAG in self._faults else 0.0

    async def publish(self, documents: Sequence[Document]) -> None:
        """Write ``documents`` to the Khala sink and wake the readers of the stream."""
        if self._settings.values.sink_path != "dual" and SINK_IGNORED not in self._faults:
            self._missed.update(document.document_id for document in documents)
            return
        if SINK_FORGETS in self._faults:
            documents = [document for document in documents if document.document_id not in self._missed]
        if KHALA_DROP in self._faults:
            self._lose(documents)
            return
        if KHALA_CORRUPT in self._faults:
            documents = [_corrupted(document) for document in documents]
        outcomes = await asyncio.to_thread(self._sink.write, documents)
        self._reader.extend(written.row for written in outcomes if written.row)
        for written in outcomes:
            self._count(written)

    def _lose(self, documents: Sequence[Document]) -> None:
        """Count ``documents`` as written and write none of them: the runtime itself believes that all is well."""
        for document in documents:
            self._metrics.projection_writes.labels(document.projection.name, Outcome.WRITTEN.value).inc()

    def _count(self, written: Written) -> None:
        self._metrics.projection_writes.labels(written.document.projection.name, written.outcome.value).inc()
        if written.row:
            form = "pointer" if written.row.payload is None else "inline"
            self._metrics.stream_appends.labels(written.row.topic, form).inc()


class Lane:
    """Brings documents to one sink in the order they were offered, several at a time when they queue up."""

    def __init__(self, route: Route, in_flight: InFlight, clock: Clock) -> None:
        self._route = route
        self._in_flight = in_flight
        self._clock = clock
        self._queue: asyncio.Queue[_Due] = asyncio.Queue()

    def offer(self, document: Document) -> None:
        """Take ``document`` and return at once."""
        self._in_flight.begin(document.document_id)
        self._queue.put_nowait(_Due(self._clock.monotonic() + self._route.delay_seconds, document))

    async def run(self) -> None:
        """Publish what is offered, for ever."""
        while True:
            due = [await self._queue.get()]
            await asyncio.sleep(due[0].at - self._clock.monotonic())
            while len(due) < BATCH and not self._queue.empty() and due[-1].at <= self._clock.monotonic():
                due.append(self._queue.get_nowait())
            await self._publish([entry.document for entry in due])

    async def _publish(self, documents: Sequence[Document]) -> None:
        try:
            await self._route.publish(documents)
        finally:
            self._in_flight.end(document.document_id for document in documents)


@dataclass(frozen=True, slots=True)
class _Due:
    at: float
    document: Document


def _corrupted(document: Document) -> Document:
    payload = {**document.payload, "status": "corrupted"}
    return Document.of(document.projection, document.entity_id, document.seq, payload)
