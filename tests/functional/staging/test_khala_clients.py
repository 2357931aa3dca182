"""The drill's own clients of the Khala lane, on a real runtime that is well or not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drills.target.khala import Cohort, Figures, Kind, Probe
from drills.target.khala.herd import Task
from drills.target.khala.probe import CATCH_UPS, HEARTBEATS, JOINS, UPDATES, OldCursor
from drills.target.ports import Stimulus

TOPIC = "runtime.codex_worker_summaries"


def causes(runtime: Any) -> Callable[[], Stimulus]:
    """Return what has the authority write an event and tells which it was."""

    def cause() -> Stimulus:
        told = runtime.stimulate()
        return Stimulus(
            worker_id=told["id"],
            doc_key=told["doc_key"],
            seq=told["seq"],
            status=told["status"],
            occurred_at=told["occurred_at"],
        )

    return cause


@contextmanager
def probed(runtime: Any, wait: Any, *, patience: float = 5) -> Iterator[tuple[Probe, Figures]]:
    """Yield a probe that is through, and what it measured."""
    figures = Figures()
    url = runtime.socket_url("").partition("?")[0]
    probe = Probe(url, TOPIC, lambda: runtime.token(TOPIC), figures, cause=causes(runtime), update_seconds=patience)
    with probe:
        wait(probe.done, "the probe is through")
        yield probe, figures


def counts(figures: Figures) -> dict[Kind, int]:
    """Return how many of each kind were measured."""
    return {kind: figures.count(kind) for kind in Kind if figures.count(kind)}


def test_a_lane_that_is_well_is_measured_in_every_way(start: Any, wait: Any) -> None:
    """Joins, catch-ups, updates and heartbeats are timed; a cursor from before everything is told stale."""
    with start(first_watermark=1001, simulator_rate=20) as runtime:
        wait(lambda: runtime.head(TOPIC) > 1001 + 20, "there is something to catch up with")
        with probed(runtime, wait) as (probe, figures):
            assert probe.failures == []
            assert probe.old_cursor == OldCursor(stale=True, gapless=False)
            assert counts(figures) == {
                Kind.JOIN: JOINS,
                Kind.CATCH_UP: CATCH_UPS,
                Kind.STALE_CURSOR: 1,
                Kind.UPDATE: UPDATES,
                Kind.HEARTBEAT: HEARTBEATS,
            }
        assert runtime.metric("sync_replay_catchup_duration_ms_count", status="ok") == CATCH_UPS
        assert runtime.metric("sync_replay_catchup_duration_ms_count", status="stale_cursor") == 1


def test_a_stream_of_which_nothing_was_pruned_is_replayed_from_its_beginning(start: Any, wait: Any) -> None:
    """Where the oldest cursor can still be resumed from, the answer is honest because nothing is left out."""
    with start() as runtime, probed(runtime, wait) as (probe, _):
        assert probe.old_cursor == OldCursor(stale=False, gapless=True)
        assert probe.old_cursor.honest


def test_a_stale_cursor_that_is_passed_over_is_seen(start: Any, wait: Any) -> None:
    """A server that goes on from its floor without a word loses documents: the answer is not honest."""
    with start("stale-ignored,heartbeat-mute", first_watermark=1001) as runtime, probed(runtime, wait) as (probe, seen):
        assert probe.old_cursor is not None
        assert not probe.old_cursor.honest
        assert (seen.count(Kind.STALE_CURSOR), seen.count(Kind.HEARTBEAT)) == (0, 0)
        assert ["TimeoutError" in failure for failure in probe.failures] == [True]


def test_a_catch_up_takes_as_long_as_the_client_waits(start: Any, wait: Any) -> None:
    """What the server counts half a second early is timed to the frame that ends it; late updates are told."""
    with start("replay-late,khala-lag") as runtime, probed(runtime, wait, patience=0.3) as (probe, figures):
        assert min(figures.milliseconds(Kind.CATCH_UP)) >= 500
        assert figures.count(Kind.UPDATE) == 0
        assert "an update was not there after 0.3 s" in probe.failures
        # The attempt with the oldest cursor is a catch-up for the server as well.
        counted = runtime.metric("sync_replay_catchup_duration_ms_bucket", status="ok", le="250.0")
        assert counted == CATCH_UPS + 1


def test_nobody_there_is_a_failure_not_an_error(wait: Any) -> None:
    """A probe of an address where nothing listens is through at once, and says why it measured nothing."""
    figures = Figures()
    url = "ws://127.0.0.1:1/sync/socket/websocket"
    with Probe(url, TOPIC, lambda: "canary-token", figures, cause=None, update_seconds=1) as probe:
        wait(probe.done, "the probe is through")

    assert (counts(figures), probe.old_cursor) == ({}, None)
    assert probe.failures
    assert "canary-token" not in "".join(probe.failures)


def test_the_clients_end_with_whoever_started_them() -> None:
    """When its input ends, however that came about, the process of a cohort goes; nothing outlives a killed drill."""
    task = Task(socket_url="ws://127.0.0.1:1/", topic=TOPIC, clients=2, old=0, stay_seconds=600)
    done = subprocess.run(
        [sys.executable, "-m", "drills.target.khala"],
        input=f"{task.model_dump_json()}\ncanary-token\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stderr == ""
    assert "canary-token" not in done.stdout


@pytest.mark.parametrize("clients", [0, 20])
def test_a_cohort_gives_the_lane_its_load(clients: int, start: Any, wait: Any) -> None:
    """Clients come, drop and resume; those with old cursors are told so; each resumption is counted on both sides."""
    figures = Figures()
    with start(first_watermark=1001, simulator_rate=20) as runtime:
        url = runtime.socket_url("").partition("?")[0]
        token = runtime.token(TOPIC)
        cohort = Cohort(url, TOPIC, lambda: token, figures, clients=clients, stay_seconds=0.2, old_cursors=0.1)
        with cohort:
            wait(lambda: not clients or figures.count(Kind.CATCH_UP) >= 40, "clients resume")
        counted = {
            Kind.CATCH_UP: runtime.metric("sync_replay_catchup_duration_ms_count", status="ok"),
            Kind.STALE_CURSOR: runtime.metric("sync_replay_catchup_duration_ms_count", status="stale_cursor"),
        }

    assert figures.failures == []
    assert all(counted[kind] >= figures.count(kind) for kind in counted)
    assert (figures.count(Kind.STALE_CURSOR) >= 2) is bool(clients)
