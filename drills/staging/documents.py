"""Events, and the summary documents that are folded from them. Pure: no store, no clock.

One event is named by its entity and its ``seq``; the authority's log of them is the only truth. A summary document is
one entity as of one ``seq``, in the canonical encoding, with its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from drills import canonical

PROJECTION_VERSION = "runtime_summaries_v1"
NOTIFICATIONS_TOPIC = "runtime.notifications"

Fields = Mapping[str, str | int]


class Entity(StrEnum):
    """The kinds of things that have events."""

    RUN = "run"
    CODEX_WORKER = "codex_worker"


@dataclass(frozen=True, slots=True)
class Projection:
    """How one kind of entity is summarised: the projection's name, its topic, and the key that carries the id."""

    entity: Entity
    name: str
    topic: str
    id_key: str

    def document_id(self, entity_id: str) -> str:
        """Return the id under which the summary of ``entity_id`` is published on both lanes."""
        return f"runtime/{self.name}:{entity_id}"


PROJECTIONS: Mapping[Entity, Projection] = {
    Entity.RUN: Projection(Entity.RUN, "run_summary", "runtime.run_summaries", "run_id"),
    Entity.CODEX_WORKER: Projection(
        Entity.CODEX_WORKER, "codex_worker_summary", "runtime.codex_worker_summaries", "worker_id"
    ),
}
TOPICS: tuple[str, ...] = (*(projection.topic for projection in PROJECTIONS.values()), NOTIFICATIONS_TOPIC)
PROJECTION_NAMES = frozenset(projection.name for projection in PROJECTIONS.values())


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the authority's log: at ``seq``, the entity's ``changes`` became true."""

    entity: Entity
    entity_id: str
    seq: int
    event_type: str
    changes: Fields
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class EntityState:
    """One entity as of ``seq``, before it is written as a document."""

    entity: Entity
    entity_id: str
    seq: int = 0
    fields: Fields = field(default_factory=dict)

    def fold(self, event: Event) -> EntityState:
        """Return the state after ``event``, which must be the next one of this entity."""
        if event.seq != self.seq + 1:
            raise ValueError(f"event {event.seq} of {self.entity_id} does not follow {self.seq}")
        signs_of_life = {"heartbeat_at": event.occurred_at.isoformat(), "heartbeat_state": "fresh"}
        return EntityState(self.entity, self.entity_id, event.seq, {**self.fields, **event.changes, **signs_of_life})

    def project(self, projected_at: datetime) -> Document:
        """Return the summary document of this state."""
        projection = PROJECTIONS[self.entity]
        return Document.of(
            projection,
            self.entity_id,
            self.seq,
            {
                **self.fields,
                projection.id_key: self.entity_id,
                "latest_seq": self.seq,
                "runtime_source": {"entity": self.entity.value, "id": self.entity_id, "seq": self.seq},
                "projection_version": PROJECTION_VERSION,
                canonical.VOLATILE_KEY: projected_at.isoformat(),
            },
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A summary as both lanes get it. ``content`` is the canonical JSON of the payload, ``seq`` its version."""

    projection: Projection
    entity_id: str
    seq: int
    payload: Mapping[str, object]
    content: bytes
    payload_hash: str
    summary_hash: str

    @classmethod
    def of(cls, projection: Projection, entity_id: str, seq: int, payload: Mapping[str, object]) -> Document:
        """Return the document of ``payload``, encoded and hashed."""
        content = canonical.encode(payload)
        hashes = canonical.digest_of_bytes(content), canonical.summary_hash(payload)
        return cls(projection, entity_id, seq, payload, content, *hashes)

    @property
    def document_id(self) -> str:
        """The id on both lanes."""
        return self.projection.document_id(self.entity_id)
