from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills import canonical
from drills.staging.documents import PROJECTIONS, Entity, EntityState, Event, Fields

NOW = datetime(2026, 2, 20, 9, 30, tzinfo=UTC)


def event(seq: int, changes: Fields) -> Event:
    """Return an event of the worker."""
    return Event(Entity.CODEX_WORKER, "w1", seq, "worker.changed", changes, NOW)


def state() -> EntityState:
    """Return a worker after two events."""
    first = EntityState(Entity.CODEX_WORKER, "w1").fold(event(1, {"status": "idle", "title": "Mend the fence"}))
    return first.fold(event(2, {"status": "running"}))


def test_a_summary_is_the_fold_of_its_events() -> None:
    """Later changes win, earlier fields stay, and the summary says which event it stands at."""
    payload = state().project(NOW).payload

    assert payload == {
        "worker_id": "w1",
        "status": "running",
        "title": "Mend the fence",
        "latest_seq": 2,
        "heartbeat_at": NOW.isoformat(),
        "heartbeat_state": "fresh",
        "runtime_source": {"entity": "codex_worker", "id": "w1", "seq": 2},
        "projection_version": "runtime_summaries_v1",
        "projected_at": NOW.isoformat(),
    }


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_events_are_folded_in_order_only(seq: int) -> None:
    """An event that does not follow is an error, never a silent gap."""
    with pytest.raises(ValueError, match="does not follow"):
        state().fold(event(seq, {}))


def test_the_time_of_projection_does_not_change_the_summary_hash() -> None:
    """Two projections of one state have the same summary hash and different payload hashes."""
    first, second = state().project(NOW), state().project(NOW + timedelta(seconds=1))

    assert first.summary_hash == second.summary_hash == canonical.summary_hash(first.payload)
    assert first.payload_hash != second.payload_hash


def test_documents_are_named_by_projection() -> None:
    """Ids, names and topics are those of the wire."""
    worker, run = PROJECTIONS[Entity.CODEX_WORKER], PROJECTIONS[Entity.RUN]

    assert (worker.document_id("a"), worker.topic) == (
        "runtime/codex_worker_summary:a",
        "runtime.codex_worker_summaries",
    )
    assert (run.document_id("b"), run.topic) == ("runtime/run_summary:b", "runtime.run_summaries")
