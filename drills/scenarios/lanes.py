"""Proves by its traffic which lane carries a surface's updates.

On Khala: its socket joined ``sync:v1``, each update that changed a row arrived in a frame, and the legacy requests
stopped. On legacy: no Khala socket was opened, legacy requests repeat, and each update arrived in one of their answers.
Several surfaces are watched at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drills.evidence.records import Lane, Relation
from drills.plugin.drill import Drill
from drills.scenarios.events import missing, next_events
from drills.target.browser import SurfacePage
from drills.target.ports import Stimulus

#: How much longer than one legacy interval a surface's silence is watched.
SILENCE_FACTOR = 1.3
#: How much longer than the objective an update is waited for, so that a late one is told from a lost one.
LATE_SECONDS = 2.0


@dataclass
class Watch:
    """What was asked of one surface, and when it showed it."""

    page: SurfacePage
    lane: Lane
    events: list[Stimulus]
    step: str | None
    suffix: str

    @property
    def prefix(self) -> str:
        """The URL prefix of the surface's legacy requests."""
        return self.page.profile.legacy.request

    def connected(self) -> bool:
        """Whether the lane has begun to carry anything."""
        if self.lane is Lane.KHALA:
            return self.page.traffic.joined() is not None and self.page.rows() > 0
        return bool(self.page.traffic.requests_to(self.prefix)) and self.page.rows() > 0

    def carried(self, event: Stimulus) -> bool:
        """Whether the lane itself brought this event."""
        traffic = self.page.traffic
        if self.lane is Lane.KHALA:
            return traffic.frame_with(event.doc_key, event.seq) is not None
        return traffic.answer_with(self.prefix, event.worker_id, event.seq) is not None

    def latency(self, event: Stimulus) -> float | None:
        """Seconds from asking for the event to the row that shows it, None when it never did."""
        shown = self.page.shown_at(event.worker_id, event.seq)
        return None if shown is None else max(shown - event.occurred_at.timestamp(), 0.0)

    def done(self) -> bool:
        """Whether every event was carried and shown."""
        return all(self.carried(event) and self.latency(event) is not None for event in self.events)


def prove(
    drill: Drill, surfaces: Sequence[str], lane: Lane, *, events: int = 3, step: str | None = None, suffix: str = ""
) -> bool:
    """Open ``surfaces``, have the authority write ``events`` for each, and check that ``lane`` alone carried them."""
    watches = [Watch(drill.surface(name), lane, [], step, suffix) for name in surfaces]
    for watch in watches:
        watch.page.open()
    drill.wait_until(lambda: all(watch.connected() for watch in watches))
    connected_at = time.time()
    for _ in range(events):
        _one_event_each(drill, watches)
    _watch_silence(drill, watches, connected_at)
    return sum(_judge(drill, watch) for watch in watches) == len(watches)


def _one_event_each(drill: Drill, watches: Sequence[Watch]) -> None:
    """Get one event for every surface that still keeps up, and wait until all show it."""
    keeping_up = [watch for watch in watches if watch.done()]
    for watch, event in zip(keeping_up, next_events(drill, len(keeping_up)), strict=False):
        watch.events.append(event)
    drill.browser.wait_until(lambda: all(watch.done() for watch in keeping_up), _patience(drill, watches))


def _patience(drill: Drill, watches: Sequence[Watch]) -> float:
    slowest = max(watch.page.profile.legacy.interval_seconds for watch in watches)
    return drill.environment.profile.objectives.update_latency_seconds + slowest + LATE_SECONDS


def _watch_silence(drill: Drill, watches: Sequence[Watch], since: float) -> None:
    """Watch for longer than the other lane would need to say something."""
    interval = max(watch.page.profile.legacy.interval_seconds for watch in watches)
    until = since + interval * SILENCE_FACTOR
    drill.browser.wait_until(lambda: time.time() > until, interval * SILENCE_FACTOR + 1)


def _judge(drill: Drill, watch: Watch) -> bool:
    """Write down the traffic, hold it against what the lane promises, and say that the lane is proved if it is."""
    observation = _observe_traffic(drill, watch)
    expectations = _khala_expectations if watch.lane is Lane.KHALA else _legacy_expectations
    held = [
        drill.check(
            f"{one.id}{watch.suffix}",
            f"{watch.page.profile.title}: {one.title}",
            one.observed,
            one.relation,
            one.expected,
            unit=one.unit,
            surface=watch.page.id,
            step=watch.step,
            evidence=[observation],
            note=one.note,
        )
        for one in (*_update_expectations(drill, watch), *expectations(drill, watch))
    ]
    if all(held):
        drill.lane_proved(watch.page.id, watch.lane, observation)
    return all(held)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One figure of the traffic and what it must be."""

    id: str
    title: str
    observed: int | None
    relation: Relation
    expected: int
    unit: str
    note: str = ""


def _observe_traffic(drill: Drill, watch: Watch) -> str:
    traffic = watch.page.traffic
    return drill.observe(
        f"traffic-{watch.lane}{watch.suffix}",
        f"Traffic of {watch.page.profile.title}, on {watch.lane}",
        {
            "seconds watched": round(time.time() - traffic.opened_at, 2),
            "Khala sockets": len(traffic.sockets),
            "frames": len(traffic.frames),
            "legacy requests": len(traffic.requests_to(watch.prefix)),
            "requests": len(traffic.requests),
            "rows": watch.page.rows(),
        },
        watch.page.id,
    )


def _update_expectations(drill: Drill, watch: Watch) -> Iterator[Expectation]:
    """Every event came over the lane, and was shown in time."""
    wanted = max(len(watch.events), 1)
    means = "frames of sync:v1" if watch.lane is Lane.KHALA else "answers to legacy requests"
    carried = sum(watch.carried(event) for event in watch.events)
    yield Expectation(
        f"{watch.lane}-carried",
        f"authority events that arrived in {means}",
        carried if watch.events else None,
        Relation.EQUAL,
        wanted,
        "events",
        missing(watch.events, drill),
    )
    limit = drill.environment.profile.objectives.update_latency_seconds
    limit += 0 if watch.lane is Lane.KHALA else watch.page.profile.legacy.interval_seconds
    latencies = sorted(latency for event in watch.events if (latency := watch.latency(event)) is not None)
    yield Expectation(
        f"{watch.lane}-in-time",
        f"authority events shown within {limit:g} s",
        sum(latency <= limit for latency in latencies) if watch.events else None,
        Relation.EQUAL,
        wanted,
        "events",
        missing(watch.events, drill) or _told(latencies),
    )


def _told(latencies: Sequence[float]) -> str:
    if not latencies:
        return "none shown"
    return f"median {latencies[len(latencies) // 2]:.3f} s, slowest {latencies[-1]:.3f} s"


def _khala_expectations(drill: Drill, watch: Watch) -> Iterator[Expectation]:
    """The socket joined, legacy requests stopped, and the legacy host was left alone."""
    del drill
    traffic, legacy = watch.page.traffic, watch.page.profile.legacy
    joined = int(traffic.joined() is not None)
    yield Expectation("khala-joined", "sockets that joined sync:v1", joined, Relation.AT_LEAST, 1, "sockets")
    extra = max(len(traffic.requests_to(legacy.request)) - legacy.allowed, 0)
    yield Expectation(
        "legacy-stopped", "legacy requests beyond the first hydration", extra, Relation.EQUAL, 0, "requests"
    )
    for origin in legacy.forbidden:
        contacts = len(traffic.requests_to(origin))
        yield Expectation(
            "forbidden-host", "contacts with the legacy host from app start on", contacts, Relation.EQUAL, 0, "requests"
        )


def _legacy_expectations(drill: Drill, watch: Watch) -> Iterator[Expectation]:
    """No Khala socket was opened, and legacy requests repeat."""
    traffic, khala = watch.page.traffic, drill.environment.profile.khala.socket_url
    sockets = sum(socket.startswith(khala) for socket in traffic.sockets)
    yield Expectation("khala-stopped", "Khala sockets opened", sockets, Relation.EQUAL, 0, "sockets")
    requests = len(traffic.requests_to(watch.prefix))
    yield Expectation(
        "legacy-polling", "legacy requests, which must repeat", requests, Relation.AT_LEAST, 2, "requests"
    )
