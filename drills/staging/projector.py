"""The projector: folds the authority's events into summary documents and offers each to every lane."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from drills.clock import Clock
from drills.staging.authority import Authority
from drills.staging.documents import Document, Entity, EntityState
from drills.staging.lanes import Lane

Key = tuple[Entity, str]


class Projector:
    """Keeps every entity's latest state; an entity it is told of is folded up to the authority's head and published."""

    def __init__(self, authority: Authority, lanes: Sequence[Lane], clock: Clock) -> None:
        self._authority = authority
        self._lanes = lanes
        self._clock = clock
        self._states: dict[Key, EntityState] = {}
        self._told: asyncio.Queue[Key] = asyncio.Queue()

    def tell(self, entity: Entity, entity_id: str) -> None:
        """Say that an entity has new events."""
        self._told.put_nowait((entity, entity_id))

    async def open(self) -> None:
        """Fold the whole log and publish every entity: what a crash left unpublished is made up for."""
        for head in await asyncio.to_thread(self._authority.heads):
            await self._project((head.entity, head.entity_id))

    async def run(self) -> None:
        """Project the entities it is told of, for ever."""
        while True:
            await self._project(await self._told.get())

    def republish(self) -> None:
        """Offer every entity's document again. A sink that holds it already leaves it as it is."""
        for state in self._states.values():
            self._publish(state.project(self._clock.now()))

    def states(self, entity: Entity) -> Mapping[str, EntityState]:
        """Return the latest state of each entity of one kind, by id."""
        return {entity_id: state for (kind, entity_id), state in sorted(self._states.items()) if kind is entity}

    async def _project(self, key: Key) -> None:
        before = self._states.get(key, EntityState(*key))
        after = await asyncio.to_thread(self._authority.catch_up, before)
        if after.seq > before.seq:
            self._states[key] = after
            self._publish(after.project(self._clock.now()))

    def _publish(self, document: Document) -> None:
        for lane in self._lanes:
            lane.offer(document)
