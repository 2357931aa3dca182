"""Simulated life: workers and runs that exist from the start, and events that keep coming at a given rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from drills.clock import Clock
from drills.staging.authority import Authority, Head
from drills.staging.bell import rest
from drills.staging.documents import Entity, Event, Fields
from drills.staging.live_settings import LiveSettings

WORKER_STATUSES = ("idle", "starting", "running", "reviewing", "waiting")
RUN_STATUSES = ("queued", "running", "verifying", "finished")
#: With nothing to do, the rate is looked at again after so many seconds, or when a setting changes.
IDLE_SECONDS = 60.0
TASKS = (
    ("Retry failed invoice webhooks", "billing-service"),
    ("Split the search index job", "search-indexer"),
    ("Tighten session cookie checks", "accounts-web"),
    ("Speed up the nightly export", "warehouse-jobs"),
    ("Move feature flags to typed config", "platform-config"),
    ("Fix time zones in the planner", "planner-app"),
    ("Add pagination to audit log", "audit-log"),
    ("Drop the legacy thumbnail path", "media-pipeline"),
)


def seed(authority: Authority, workers: int, runs: int) -> None:
    """Register ``workers`` and ``runs``; those that exist already stay as they are."""
    for number in range(1, workers + 1):
        authority.register(Entity.CODEX_WORKER, f"codexw_{number:02d}", _worker(number))
    for number in range(1, runs + 1):
        worker_id = f"codexw_{(number - 1) % workers + 1:02d}"
        authority.register(Entity.RUN, f"run_{number:02d}", {**_run(number), "worker_id": worker_id})


def advance(authority: Authority, head: Head) -> Event:
    """Append an event that moves an entity on to the status after the one in ``head``."""
    statuses = WORKER_STATUSES if head.entity is Entity.CODEX_WORKER else RUN_STATUSES
    place = statuses.index(head.status) if head.status in statuses else -1
    changes: Fields = {"status": statuses[(place + 1) % len(statuses)]}
    return authority.append(head.entity, head.entity_id, f"{head.entity}.status_changed", changes)


class Simulator:
    """Writes events to the authority at the rate in effect and tells ``published`` of each."""

    def __init__(
        self, authority: Authority, settings: LiveSettings, clock: Clock, published: Callable[[Event], None]
    ) -> None:
        self._authority = authority
        self._settings = settings
        self._clock = clock
        self._published = published
        # The same every time: a drill should meet the same staging twice.
        self._random = Random(20)  # noqa: S311 - simulated work, no secret

    async def run(self) -> None:
        """Write events for ever; a rate of 0 stands still until the rate changes."""
        with self._settings.changed.heard() as changed:
            due = self._clock.monotonic()
            while True:
                rate = self._settings.values.simulator_rate
                # A pause is not made up for by a burst.
                due = max(due + 1 / rate, self._clock.monotonic()) if rate else self._clock.monotonic() + IDLE_SECONDS
                if not await rest(changed, due - self._clock.monotonic()) and rate:
                    self._published(await asyncio.to_thread(self._write_one))

    def _write_one(self) -> Event:
        head = self._random.choice(self._authority.heads())
        return advance(self._authority, head)


def _worker(number: int) -> Fields:
    title, repo = TASKS[(number - 1) % len(TASKS)]
    return {"status": WORKER_STATUSES[number % len(WORKER_STATUSES)], "title": title, "repo": repo}


def _run(number: int) -> Fields:
    title, repo = TASKS[(number - 1) % len(TASKS)]
    return {"status": RUN_STATUSES[0], "title": f"Check: {title}", "repo": repo}
