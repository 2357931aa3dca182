"""§5.3: cut a client off, and confirm that it resumes where it was."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.events import next_events
from drills.scenarios.ws_rollout.clients import Update, connected
from drills.scenarios.ws_rollout.counters import RECONNECTS, Counted
from drills.target.ports import Stimulus


@pytest.mark.checklist("resume")
def test_a_client_resumes_where_it_was(drill: Drill) -> None:
    """What was written while it was away is the first that it gets, and its return is counted."""
    counted = Counted.now(drill, RECONNECTS, action="resume", status="ok")
    before = _watermark_of_one_update(drill)
    (missed, *_) = next_events(drill) or (None,)
    got = _updates_up_to(drill, before, missed)
    drill.observe("resumed", "Updates after the return", {"watermark before": before, "updates": len(got)})
    carried = None if missed is None else any(key == missed.doc_key and seq >= missed.seq for key, seq, _ in got)
    drill.holds("missed", "The event that was missed came after the return", observed=carried)
    in_order = [mark for _, _, mark in got] == sorted({mark for _, _, mark in got})
    drill.holds("in-order", "Updates came in order, each once", observed=in_order if got else None)
    drill.check("counted", "Resumed subscriptions counted", counted.grown(1), Relation.AT_LEAST, 1, unit="clients")


def _watermark_of_one_update(drill: Drill) -> int | None:
    """Return the watermark of one update that a client got before it was cut off."""
    with connected(drill) as client:
        if client is None:
            return None
        client.join().subscribe()
        next_events(drill)
        return next((mark for _, _, mark in client.versions()), None)


def _updates_up_to(drill: Drill, before: int | None, missed: Stimulus | None) -> list[Update]:
    """Return what a client gets that resumes after ``before``, up to the event that was missed."""
    with connected(drill) as client:
        if client is None or before is None or missed is None:
            return []
        client.join().subscribe(before)
        got: list[Update] = []
        for update in client.versions():
            got.append(update)
            if update[0] == missed.doc_key and update[1] >= missed.seq:
                break
        return got
