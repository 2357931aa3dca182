"""The authority: the runtime's event log. Nothing downstream of it may ever be asked what is true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, and_, insert, select, update

from drills.clock import Clock
from drills.staging.documents import Entity, EntityState, Event, Fields
from drills.staging.store import Store, entities, events


class UnknownEntityError(LookupError):
    """The authority has never heard of this entity."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where one entity stands: its last ``seq`` and its status there."""

    entity: Entity
    entity_id: str
    seq: int
    status: str


class Authority:
    """Appends events, each with the next ``seq`` of its entity, and reads them back."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def register(self, entity: Entity, entity_id: str, fields: Fields) -> Event | None:
        """Append the first event of an entity, or return None when the entity is known already."""
        written = Event(entity, entity_id, 1, f"{entity}.registered", fields, self._clock.now())
        head = {"entity": entity, "entity_id": entity_id, "seq": 1, "status": str(fields["status"])}
        with self._store.writing() as connection:
            if connection.execute(select(entities.c.seq).where(_is(entity, entity_id))).first():
                return None
            connection.execute(insert(entities).values(head))
            connection.execute(insert(events).values(_row(written)))
        return written

    def append(self, entity: Entity, entity_id: str, event_type: str, changes: Fields) -> Event:
        """Append one event; it is durable when this returns.

        Raises:
            UnknownEntityError: the entity was never registered.
        """
        standing = {"status": str(changes["status"])} if "status" in changes else {}
        following = update(entities).where(_is(entity, entity_id)).values(seq=entities.c.seq + 1, **standing)
        with self._store.writing() as connection:
            seq = connection.execute(following.returning(entities.c.seq)).scalar_one_or_none()
            if seq is None:
                raise UnknownEntityError(f"there is no {entity} {entity_id}")
            written = Event(entity, entity_id, seq, event_type, changes, self._clock.now())
            connection.execute(insert(events).values(_row(written)))
        return written

    def heads(self) -> tuple[Head, ...]:
        """Return where every entity stands, in the order of their ids."""
        query = select(entities).order_by(entities.c.entity, entities.c.entity_id)
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(Head(Entity(row.entity), row.entity_id, row.seq, row.status) for row in rows)

    def catch_up(self, state: EntityState) -> EntityState:
        """Return ``state`` with every later event of its entity folded in."""
        for event in self._after(state):
            state = state.fold(event)
        return state

    def _after(self, state: EntityState) -> Iterable[Event]:
        same = (events.c.entity == state.entity, events.c.entity_id == state.entity_id)
        query = select(events).where(*same, events.c.seq > state.seq).order_by(events.c.seq)
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            changes = orjson.loads(row.changes)
            yield Event(state.entity, state.entity_id, row.seq, row.event_type, changes, row.occurred_at)


def _is(entity: Entity, entity_id: str) -> ColumnElement[bool]:
    return and_(entities.c.entity == entity, entities.c.entity_id == entity_id)


def _row(event: Event) -> Mapping[str, object]:
    return {
        "entity": event.entity,
        "entity_id": event.entity_id,
        "seq": event.seq,
        "event_type": event.event_type,
        "changes": orjson.dumps(event.changes),
        "occurred_at": event.occurred_at,
    }
