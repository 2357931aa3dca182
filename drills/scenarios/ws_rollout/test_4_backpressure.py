"""§5.4: put out a client that does not read, and go on serving the others."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.events import next_events
from drills.scenarios.ws_rollout.clients import Client, connected
from drills.scenarios.ws_rollout.counters import EVICTIONS, Counted

#: Requests whose refusals repeat what was asked for: together more than any system buffers for one client.
REQUESTS, PACE_SECONDS = 60, 0.02
TOPICS = tuple(f"nobody-has-a-topic-of-this-name-{number:04}" for number in range(1500))


@pytest.mark.checklist("backpressure")
def test_a_client_that_does_not_read_is_put_out(drill: Drill) -> None:
    """It is closed and counted; a client beside it, which reads, gets the next event."""
    counted = Counted.now(drill, EVICTIONS, status="slow_consumer")
    with drill.disturbance("a client that does not read"), connected(drill, narrow=True) as slow:
        if slow is not None:
            _overwhelm(drill, slow)
        grown = counted.grown(1)
        served = _is_served(drill)
        put_out = slow is not None and slow.is_put_out()
    drill.check("evicted", "Slow clients that the runtime put out", grown, Relation.EQUAL, 1, unit="clients")
    drill.holds("closed", "The slow client's socket was closed", observed=put_out)
    drill.holds("served", "A client that reads got an event meanwhile", observed=served)


def _overwhelm(drill: Drill, slow: Client) -> None:
    slow.join()
    for _ in range(REQUESTS):
        slow.ask_for(TOPICS)
        drill.browser.pump(PACE_SECONDS)


def _is_served(drill: Drill) -> bool:
    with connected(drill) as client:
        if client is None:
            return False
        client.join().subscribe()
        next_events(drill)
        return next(client.versions(), None) is not None
