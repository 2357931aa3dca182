"""Retention: stream rows older than the horizon are pruned. Read models and checkpoints are kept for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import delete

from drills.clock import Clock
from drills.staging.documents import TOPICS
from drills.staging.live_settings import LiveSettings
from drills.staging.metrics import Metrics
from drills.staging.runtime_log import RuntimeLog
from drills.staging.store import Store, stream


class Retention:
    """Prunes the stream every now and then, and whenever it is asked."""

    def __init__(self, store: Store, clock: Clock, settings: LiveSettings, metrics: Metrics, log: RuntimeLog) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._log = log

    async def run(self, interval_seconds: float) -> None:
        """Prune at every interval by the horizon in effect then."""
        while True:
            await asyncio.sleep(interval_seconds)
            await self.prune(self._settings.values.retention_horizon_seconds)

    async def prune(self, horizon_seconds: float) -> Mapping[str, int]:
        """Remove rows older than ``horizon_seconds`` and return how many went, by topic."""
        pruned = await asyncio.to_thread(self._prune, horizon_seconds)
        self._metrics.retention_cycles.labels("ok").inc()
        for topic, count in pruned.items():
            self._metrics.retention_topics.labels(topic, "pruned" if count else "unchanged").inc()
        self._log.write("retention", "retention cycle", pruned=sum(pruned.values()))
        return pruned

    def _prune(self, horizon_seconds: float) -> dict[str, int]:
        too_old = stream.c.inserted_at <= self._clock.now() - timedelta(seconds=horizon_seconds)
        with self._store.writing() as connection:
            return {
                topic: connection.execute(delete(stream).where(stream.c.topic == topic, too_old)).rowcount
                for topic in TOPICS
            }
