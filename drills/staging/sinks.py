"""The two sinks of every summary document. Each writes in transactions of its own and may be given a document twice.

The Convex sink keeps the document and a checkpoint, idempotent on (seq, version, hash). The Khala sink keeps a read
model and a stream journal; the journal's watermark is allocated from the topic's row in the same transaction, and that
row stays locked until the commit, so a reader who has seen a watermark has seen every lower one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson
from sqlalchemy import Connection, insert, select, update

from drills import canonical
from drills.clock import Clock
from drills.staging.documents import PROJECTION_VERSION, TOPICS, Document
from drills.staging.store import Store, checkpoints, convex_documents, read_models, stream, topics


class Outcome(StrEnum):
    """What a sink did with a document."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One row of a topic's stream. ``payload`` is canonical JSON, or None in pointer mode."""

    topic: str
    watermark: int
    doc_key: str
    doc_version: int
    payload: bytes | None
    payload_hash: str
    inserted_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one document: the outcome, how far behind the sink was, and the stream row, if there is one.

    ``drifted`` says that the sink held other content under the same version.
    """

    document: Document
    outcome: Outcome
    behind: int
    drifted: bool = False
    row: JournalRow | None = None


class ConvexSink:
    """The legacy lane: the documents that its clients query, and a checkpoint of each."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def write(self, documents: Sequence[Document]) -> tuple[Written, ...]:
        """Write ``documents`` in order, all in one transaction."""
        with self._store.writing() as connection:
            return tuple(self._write_one(connection, document) for document in documents)

    def _write_one(self, connection: Connection, document: Document) -> Written:
        same = checkpoints.c.document_id == document.document_id
        held = connection.execute(select(checkpoints).where(same).with_for_update()).one_or_none()
        if held is None:
            connection.execute(insert(checkpoints).values(self._checkpoint(document)))
            connection.execute(insert(convex_documents).values(_convex_document(document)))
            return Written(document, Outcome.WRITTEN, document.seq)
        version_and_hash = held.projection_version, held.summary_hash
        same_content = version_and_hash == (PROJECTION_VERSION, document.summary_hash)
        outcome = _outcome(document, held.last_runtime_seq, same_content=same_content)
        if outcome is Outcome.WRITTEN:
            kept = convex_documents.c.document_id == document.document_id
            connection.execute(update(checkpoints).where(same).values(self._checkpoint(document)))
            connection.execute(update(convex_documents).where(kept).values(_convex_document(document)))
        behind = document.seq - held.last_runtime_seq
        return Written(document, outcome, behind, drifted=behind == 0 and not same_content)

    def _checkpoint(self, document: Document) -> dict[str, object]:
        return {
            "document_id": document.document_id,
            "projection_name": document.projection.name,
            "entity_id": document.entity_id,
            "last_runtime_seq": document.seq,
            "projection_version": PROJECTION_VERSION,
            "summary_hash": document.summary_hash,
            "updated_at": self._clock.now(),
        }


class KhalaSink:
    """The new lane: read models and the stream journal. A payload above ``inline_bytes`` is journalled as a pointer."""

    def __init__(self, store: Store, clock: Clock, inline_bytes: int) -> None:
        self._store = store
        self._clock = clock
        self._inline_bytes = inline_bytes

    def open_topics(self, first_watermark: int = 1) -> None:
        """Make sure that every topic has its row of watermarks; a new one begins with ``first_watermark``."""
        with self._store.writing() as connection:
            known = set(connection.execute(select(topics.c.topic)).scalars())
            for topic in TOPICS:
                if topic not in known:
                    connection.execute(insert(topics).values(topic=topic, next_watermark=first_watermark))

    def write(self, documents: Sequence[Document]) -> tuple[Written, ...]:
        """Write ``documents`` in order, all in one transaction."""
        with self._store.writing() as connection:
            return tuple(self._write_one(connection, document) for document in documents)

    def _write_one(self, connection: Connection, document: Document) -> Written:
        # The topic's lock first: two writers of one document must not both find it absent.
        own_topic = topics.c.topic == document.projection.topic
        connection.execute(select(topics).where(own_topic).with_for_update()).one()
        same = read_models.c.doc_key == document.document_id
        held = connection.execute(select(read_models).where(same)).one_or_none()
        if held is None:
            connection.execute(insert(read_models).values(self._read_model(document)))
            return Written(document, Outcome.WRITTEN, document.seq, row=self._append(connection, document))
        same_content = canonical.summary_hash(orjson.loads(held.payload)) == document.summary_hash
        outcome = _outcome(document, held.doc_version, same_content=same_content)
        row = None
        if outcome is Outcome.WRITTEN:
            connection.execute(update(read_models).where(same).values(self._read_model(document)))
            row = self._append(connection, document)
        behind = document.seq - held.doc_version
        return Written(document, outcome, behind, drifted=behind == 0 and not same_content, row=row)

    def _append(self, connection: Connection, document: Document) -> JournalRow:
        topic = document.projection.topic
        allocate = update(topics).where(topics.c.topic == topic).values(next_watermark=topics.c.next_watermark + 1)
        following = connection.execute(allocate.returning(topics.c.next_watermark)).scalar_one()
        row = JournalRow(
            topic,
            following - 1,
            document.document_id,
            document.seq,
            document.content if len(document.content) <= self._inline_bytes else None,
            document.payload_hash,
            self._clock.now(),
        )
        columns = ("topic", "watermark", "doc_key", "doc_version", "payload", "payload_hash", "inserted_at")
        connection.execute(insert(stream).values({name: getattr(row, name) for name in columns}))
        return row

    def _read_model(self, document: Document) -> dict[str, object]:
        return {
            "doc_key": document.document_id,
            "topic": document.projection.topic,
            "doc_version": document.seq,
            "payload": document.content,
            "payload_hash": document.payload_hash,
            "updated_at": self._clock.now(),
        }


def _convex_document(document: Document) -> dict[str, object]:
    return {
        "document_id": document.document_id,
        "projection_name": document.projection.name,
        "payload": document.content,
    }


def _outcome(document: Document, held_seq: int, *, same_content: bool) -> Outcome:
    if document.seq < held_seq:
        return Outcome.STALE
    return Outcome.UNCHANGED if document.seq == held_seq and same_content else Outcome.WRITTEN
