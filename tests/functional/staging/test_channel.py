from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from drills import canonical, phoenix
from drills.clock import SYSTEM_CLOCK, Clock, FrozenClock
from drills.staging.tokens import Subject, TokenIssuer

if TYPE_CHECKING:
    from tests.functional.staging.conftest import Client, Json, Runtime, Start, Wait

WORKERS = "runtime.codex_worker_summaries"
RUNS = "runtime.run_summaries"
NOTIFICATIONS = "runtime.notifications"
ROWS = 450


@pytest.fixture
def client(runtime: Runtime) -> Iterator[Client]:
    """A joined client of the shared runtime."""
    with runtime.connected() as connected:
        yield connected.join()


@pytest.fixture(scope="module")
def crowded(start: Start, wait: Wait) -> Iterator[Runtime]:
    """A runtime whose worker topic holds more rows than two batches, and then stands still."""
    with start(workers=2, runs=1, simulator_rate=1000) as busy:
        wait(lambda: busy.head(WORKERS) >= ROWS, "enough rows")
        busy.put("simulator_rate", "0")
        wait(busy.in_parity, "everything is published")
        yield busy


def updates_to(client: Client, watermark: int) -> list[Json]:
    """Return every update up to ``watermark``, as they come."""
    updates: list[Json] = []
    while not updates or updates[-1]["watermark"] != watermark:
        updates += client.batch()["updates"]
    return updates


def minted(runtime: Runtime, clock: Clock, ttl_seconds: int = 300, kid: str = "current") -> str:
    """Return a token of the runtime's keys that the runtime did not mint itself."""
    keys = [key.model_copy(update={"current": key.kid == kid}) for key in runtime.config.jwt_keys]
    return TokenIssuer(keys, clock, ttl_seconds).mint(Subject("user", "org"), [WORKERS]).token


def test_a_join_says_what_may_be_subscribed(runtime: Runtime) -> None:
    """The answer to a join names the subscription and the topics that the token opens."""
    with runtime.connected(runtime.token(WORKERS)) as client:
        status, response = client.ask(phoenix.JOIN)

    assert status == "ok"
    assert response["subscription_id"]
    assert response["allowed_topics"] == [WORKERS]
    assert response["current_watermarks"] == []


def test_only_one_topic_can_be_joined(runtime: Runtime) -> None:
    """A join of anything but sync:v1 is answered bad_topic."""
    with runtime.connected() as client:
        assert client.ask(phoenix.JOIN, topic="sync:v2") == ("error", {"code": "bad_topic"})


def test_nothing_is_answered_before_the_join(runtime: Runtime) -> None:
    """As in Phoenix, an event on a topic that was not joined is unmatched."""
    with runtime.connected() as client:
        assert client.ask("sync:subscribe", {"topics": [WORKERS]}) == ("error", {"reason": "unmatched topic"})


@pytest.mark.parametrize("token", ["", "no-token", "canary.token.here"])
def test_a_bad_token_never_gets_a_socket(runtime: Runtime, token: str) -> None:
    """A socket with a token that is none is refused with 403 before it is accepted."""
    with pytest.raises(InvalidStatus) as refused, connect(runtime.socket_url(token), proxy=None):
        pass

    assert refused.value.response.status_code == 403


def test_an_expired_token_never_gets_a_socket(runtime: Runtime) -> None:
    """A token of a known key that has run out is refused with 403."""
    token = minted(runtime, FrozenClock(datetime.now(UTC) - timedelta(hours=1)))
    with pytest.raises(InvalidStatus) as refused, connect(runtime.socket_url(token), proxy=None):
        pass

    assert refused.value.response.status_code == 403


def test_another_serializer_never_gets_a_socket(runtime: Runtime) -> None:
    """Only version 2.0.0 of the serializer is spoken."""
    url = runtime.socket_url(runtime.token(), version="1.0.0")
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass

    assert refused.value.response.status_code == 403


def test_the_previous_key_is_still_good(runtime: Runtime) -> None:
    """Keys can be rotated: tokens of the previous one are accepted."""
    with runtime.connected(minted(runtime, SYSTEM_CLOCK, kid="previous")) as client:
        assert client.ask(phoenix.JOIN)[0] == "ok"


def test_a_token_that_runs_out_subscribes_nothing_more(runtime: Runtime, wait: Wait) -> None:
    """Once its token has expired, a joined client is unauthorized to subscribe."""
    token, minted_at = minted(runtime, SYSTEM_CLOCK, ttl_seconds=2), datetime.now(UTC)
    with runtime.connected(token) as client:
        before, _ = client.join().ask("sync:subscribe", {"topics": [WORKERS]})
        wait(lambda: datetime.now(UTC) > minted_at + timedelta(seconds=2), "the token has run out")
        _, after = client.ask("sync:subscribe", {"topics": [WORKERS]})

    assert (before, after["code"]) == ("ok", "unauthorized")


def test_a_subscription_without_a_cursor_starts_at_the_head(runtime: Runtime, client: Client) -> None:
    """Without resume_after nothing old comes; the reply says where the topic stands, an empty batch that it is live."""
    status, response = client.ask("sync:subscribe", {"topics": [WORKERS]})
    batch = client.batch()
    head = [{"topic": WORKERS, "watermark": runtime.head(WORKERS)}]

    assert status == "ok"
    assert response["topics"] == [WORKERS]
    assert response["current_watermarks"] == head
    assert batch == {"updates": [], "replay_complete": True, "head_watermarks": head}


def test_an_event_reaches_a_live_subscription(runtime: Runtime, client: Client) -> None:
    """An authority event arrives as an update with its version, its payload and the payload's hash."""
    client.ask("sync:subscribe", {"topics": [WORKERS]})
    client.batch()
    event = runtime.stimulate()
    (update,) = client.batch()["updates"]
    payload = update["payload"]
    digest = bytes.fromhex(canonical.digest(payload).removeprefix("sha256:"))

    assert (update["doc_key"], update["doc_version"]) == (event["doc_key"], event["seq"])
    assert (payload["status"], payload["latest_seq"]) == (event["status"], event["seq"])
    assert update["payload_hash"] == base64.b64encode(digest).decode()
    assert update["hydration_required"] is False


@pytest.mark.parametrize(("asked", "largest"), [(None, 200), (50, 50), (5000, 200)])
def test_a_replay_comes_in_batches(crowded: Runtime, asked: int | None, largest: int) -> None:
    """All that follows the cursor comes in order without a gap, at most 200 at once; only the last is complete."""
    wanted = {"topics": [WORKERS], "resume_after": {WORKERS: 0}} | ({"replay_batch_size": asked} if asked else {})
    batches: list[Json] = []
    with crowded.connected() as client:
        client.join().ask("sync:subscribe", wanted)
        while not batches or not batches[-1]["replay_complete"]:
            batches.append(client.batch())
    watermarks = [update["watermark"] for batch in batches for update in batch["updates"]]

    assert watermarks == list(range(1, crowded.head(WORKERS) + 1))
    assert max(len(batch["updates"]) for batch in batches) == largest
    assert [batch["replay_complete"] for batch in batches].count(True) == 1


@pytest.mark.parametrize("form", ["map", "list"])
def test_a_subscription_resumes_after_its_cursor(crowded: Runtime, form: str) -> None:
    """Both forms of resume_after mean the same: only what follows the watermark is sent."""
    head = crowded.head(WORKERS)
    cursor = {WORKERS: head - 3} if form == "map" else [{"topic": WORKERS, "watermark": head - 3}]
    before = crowded.metric("sync_socket_reconnect_count_total")
    with crowded.connected() as client:
        client.join().ask("sync:subscribe", {"topics": [WORKERS], "resume_after": cursor})
        updates = updates_to(client, head)

    assert [update["watermark"] for update in updates] == [head - 2, head - 1, head]
    assert crowded.metric("sync_socket_reconnect_count_total") == before + 1


def test_replay_completes_only_when_every_topic_has_caught_up(crowded: Runtime) -> None:
    """A subscription to two topics is complete when both are, and not before."""
    heads = {topic: crowded.head(topic) for topic in (WORKERS, RUNS)}
    seen = dict.fromkeys(heads, 0)
    complete = False
    with crowded.connected() as client:
        client.join().ask("sync:subscribe", {"topics": list(heads), "resume_after": dict.fromkeys(heads, 0)})
        while not complete:
            batch = client.batch()
            complete = bool(batch["replay_complete"])
            seen |= {update["topic"]: update["watermark"] for update in batch["updates"]}

    assert seen == heads


def test_nothing_is_lost_or_doubled_between_replay_and_live(start: Start, wait: Wait) -> None:
    """While events pour in, a replay runs over into live delivery with every watermark exactly once, in order."""
    with start(workers=2, runs=0, simulator_rate=300) as busy, busy.connected() as client:
        wait(lambda: busy.head(WORKERS) >= 100, "rows to replay")
        client.join().ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: 0}, "replay_batch_size": 7})
        watermarks: list[object] = []
        while len(watermarks) < 400:
            watermarks += [update["watermark"] for update in client.batch()["updates"]]

    assert watermarks == list(range(1, len(watermarks) + 1))


def test_a_stale_cursor_is_pushed_and_answered(start: Start, wait: Wait) -> None:
    """Below the retention floor the client is told so twice: as sync:error and as the reply; above it may resume."""
    with start() as own, own.connected() as client:
        own.stimulate()
        wait(own.in_parity, "the event is published")
        floor = own.head(WORKERS)
        pruned = own.operate("POST", "/retention", {"horizon_seconds": 0})["data"]
        client.join()
        status, response = client.ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: floor - 1}})
        pushed = client.push("sync:error").payload
        resumed, _ = client.ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: floor}})
        counted = own.metric("sync_replay_catchup_duration_ms_count", status="stale_cursor")

    assert pruned == {RUNS: 3, WORKERS: 7, NOTIFICATIONS: 0}
    assert status == "error"
    assert response["code"] == "stale_cursor"
    assert response["full_resync_required"] is True
    assert response["stale_topics"] == [{"topic": WORKERS, "resume_after": floor - 1, "retention_floor": floor}]
    assert pushed == response
    assert resumed == "ok"
    assert counted == 1


def test_only_a_resumed_subscription_is_measured_as_catching_up(start: Start, wait: Wait) -> None:
    """One that starts at the head has nothing to catch up with: its zero would flatter the p95 and the stale share."""
    with start() as own, own.connected() as client:
        wait(own.in_parity, "the first documents are published")
        client.join().ask("sync:subscribe", {"topics": [WORKERS]})
        client.batch()
        assert "sync_replay_catchup_duration_ms_count{" not in own.http.get("/metrics").text
        client.ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: own.head(WORKERS)}})
        client.batch()
        assert own.metric("sync_replay_catchup_duration_ms_count", status="ok") == 1


def test_a_cursor_of_another_history_is_stale(runtime: Runtime, client: Client) -> None:
    """A cursor above the head was never handed out here: resuming would skip documents in silence."""
    beyond = runtime.head(WORKERS) + 1
    status, response = client.ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: beyond}})

    assert (status, response["code"]) == ("error", "stale_cursor")


def test_a_topic_outside_the_token_is_forbidden(runtime: Runtime) -> None:
    """Nothing is subscribed when one of the topics is not in the token's scopes; those are named."""
    with runtime.connected(runtime.token(WORKERS)) as client:
        answer = client.join().ask("sync:subscribe", {"topics": [WORKERS, RUNS, "x"]})

    assert answer == ("error", {"code": "forbidden_topic", "forbidden_topics": [RUNS, "x"]})


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"topics": []},
        {"topics": WORKERS},
        {"topics": [1]},
        {"topics": [WORKERS], "resume_after": {WORKERS: -1}},
        {"topics": [WORKERS], "resume_after": {WORKERS: "1"}},
        {"topics": [WORKERS], "resume_after": [WORKERS]},
        {"topics": [WORKERS], "resume_after": 7},
        {"topics": [WORKERS], "replay_batch_size": 0},
    ],
)
@pytest.mark.parametrize("event", ["sync:subscribe"])
def test_a_subscription_that_is_none_is_refused(client: Client, event: str, payload: Json) -> None:
    """A malformed request is answered bad_subscription with what is wrong, and the channel lives on."""
    status, response = client.ask(event, payload)

    assert (status, response["code"]) == ("error", "bad_subscription")
    assert response["message"]
    assert client.ask("sync:heartbeat")[0] == "ok"


def test_after_unsubscribing_nothing_of_the_topic_comes(runtime: Runtime, client: Client) -> None:
    """Updates of a topic end with its subscription; those of the others go on."""
    client.ask("sync:subscribe", {"topics": [WORKERS, RUNS]})
    client.batch()
    status, response = client.ask("sync:unsubscribe", {"topics": [WORKERS]})
    runtime.stimulate("codex_worker")
    runtime.stimulate("run")
    batch = client.batch()

    assert (status, response["topics"]) == ("ok", [RUNS])
    assert [update["topic"] for update in batch["updates"]] == [RUNS]
    assert client.ask("sync:unsubscribe", {})[1]["code"] == "bad_subscription"


def test_the_socket_has_a_heartbeat(runtime: Runtime) -> None:
    """Phoenix's own heartbeat is answered without a join."""
    with runtime.connected() as client:
        assert client.ask(phoenix.HEARTBEAT, topic=phoenix.PHOENIX_TOPIC) == ("ok", {})


def test_the_channel_heartbeat_carries_watermarks(runtime: Runtime, client: Client) -> None:
    """A heartbeat is answered, and pushed, with the watermarks of the subscribed topics."""
    client.ask("sync:subscribe", {"topics": [RUNS]})
    expected = {"current_watermarks": [{"topic": RUNS, "watermark": runtime.head(RUNS)}]}

    assert client.ask("sync:heartbeat") == ("ok", expected)
    assert client.push("sync:heartbeat").payload == expected


def test_the_server_beats_and_closes_a_silent_channel(start: Start) -> None:
    """Heartbeats come by themselves; a client silent for too long finds its channel closed, its socket open."""
    with start(heartbeat_seconds=0.1, channel_timeout_seconds=0.5) as own, own.connected() as client:
        client.join()
        beat = client.push("sync:heartbeat")
        closed = client.push(phoenix.CLOSE)
        timeouts = own.metric("sync_socket_timeout_count_total")
        active = own.metric("sync_socket_connection_active")
        rejoined, _ = client.ask(phoenix.JOIN)

    assert (beat.join_ref, closed.join_ref) == ("1", "1")
    assert (timeouts, active, rejoined) == (1, 0, "ok")


def test_a_client_that_beats_stays(start: Start) -> None:
    """Any frame of the client keeps its channel, the socket's heartbeat too."""
    with start(heartbeat_seconds=0.1, channel_timeout_seconds=0.6) as own, own.connected() as client:
        client.join()
        for _ in range(10):
            client.push("sync:heartbeat")
            client.ask(phoenix.HEARTBEAT, topic=phoenix.PHOENIX_TOPIC)

        assert own.metric("sync_socket_connection_active") == 1


def test_leaving_closes_the_channel(client: Client) -> None:
    """A leave is answered and followed by phx_close; the channel then answers no more."""
    answer = client.ask(phoenix.LEAVE)
    closed = client.push(phoenix.CLOSE)

    assert answer == ("ok", {})
    assert closed.join_ref == client.join_ref
    assert client.ask("sync:heartbeat") == ("error", {"reason": "unmatched topic"})


def test_a_second_join_replaces_the_first(client: Client) -> None:
    """Joining again closes the older channel under its own reference, as Phoenix does."""
    first = client.join_ref
    client.join()

    assert client.push(phoenix.CLOSE).join_ref == first
    assert client.ask("sync:heartbeat")[0] == "ok"


def test_an_unknown_event_is_told_so(client: Client) -> None:
    """An event that the channel does not have is answered, not ignored."""
    assert client.ask("sync:shout")[1]["code"] == "unknown_event"


def test_in_pointer_mode_the_client_hydrates(start: Start) -> None:
    """A payload too large for the stream is null there, and whole over HTTP."""
    with start(inline_payload_bytes=0) as own, own.connected() as client:
        client.join().ask("sync:subscribe", {"topics": [WORKERS]})
        event = own.stimulate()
        (update,) = updates_to(client, 7)
        document = own.http.get(f"/api/sync/documents/{update['doc_key']}").json()["data"]
        appended = own.metric("sync_stream_append_total", status="pointer")

    assert (update["payload"], update["hydration_required"]) == (None, True)
    assert (document["doc_version"], document["payload"]["status"]) == (event["seq"], event["status"])
    assert appended == 10


def test_a_flood_of_frames_is_slowed_down(client: Client) -> None:
    """A client that sends faster than allowed is told when to come back."""
    for _ in range(150):
        client.send("sync:heartbeat", {})
    answers: list[Json] = [dict(client.push(phoenix.REPLY).payload) for _ in range(150)]
    refused = [answer["response"] for answer in answers if answer["status"] == "error"]

    assert refused
    assert {one["code"] for one in refused} == {"rate_limited"}
    assert all(one["retry_after_ms"] > 0 for one in refused)


def test_a_huge_frame_is_refused(client: Client) -> None:
    """A request beyond the limit is answered payload_too_large, and the channel lives on."""
    status, response = client.ask("sync:subscribe", {"topics": ["x" * 70_000]})

    assert (status, response["code"]) == ("error", "payload_too_large")
    assert client.ask("sync:heartbeat")[0] == "ok"


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "no json", '[null, "1", "sync:v1", "phx_join", []]'])
def test_what_is_no_frame_ends_the_socket(runtime: Runtime, text: str) -> None:
    """Whoever does not speak the serializer is shown out with a reason code."""
    with runtime.connected() as client:
        client.write_raw(text)
        with pytest.raises(ConnectionClosedError) as closed:
            client.receive()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


def test_a_stalled_socket_accepts_and_says_nothing(start: Start) -> None:
    """Under khala-stall a socket opens and is never written to; when it ends, delivery goes on where it was."""
    with start() as own, own.connected() as before:
        before.join().ask("sync:subscribe", {"topics": [WORKERS]})
        before.batch()
        own.operate("PUT", "/faults/khala-stall")
        event = own.stimulate()
        with own.connected() as client:
            client.send(phoenix.JOIN, {})
            with pytest.raises(TimeoutError):
                client.receive(timeout=0.5)
        with pytest.raises(TimeoutError):
            before.receive(timeout=0.1)
        own.operate("DELETE", "/faults/khala-stall")
        (update,) = updates_to(before, 7)

    assert update["doc_version"] == event["seq"]


def test_the_stale_cursor_fault_strikes_only_resumptions(start: Start) -> None:
    """Under stale-cursor every cursor is stale, and a subscription without one works."""
    with start("stale-cursor") as own, own.connected() as client:
        client.join()
        _, refused = client.ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: 6, RUNS: 1}})
        status, _ = client.ask("sync:subscribe", {"topics": [WORKERS]})

    assert refused["code"] == "stale_cursor"
    assert refused["stale_topics"] == [{"topic": WORKERS, "resume_after": 6, "retention_floor": 7}]
    assert status == "ok"


def test_connections_are_counted(start: Start) -> None:
    """Sockets, joins and refusals show in the metrics, the joined ones as a gauge."""
    with start() as own:
        with own.connected() as client:
            client.ask(phoenix.JOIN, topic="nowhere")
            client.join()
            joined = own.metric("sync_socket_connection_active", action="join", status="ok")
        with pytest.raises(InvalidStatus), connect(own.socket_url("x"), proxy=None):
            pass
        counts = {
            (action, status): own.metric("sync_socket_connection_count_total", action=action, status=status)
            for action, status in [
                ("connect", "ok"),
                ("connect", "unauthorized"),
                ("join", "ok"),
                ("join", "bad_topic"),
            ]
        }

    assert joined == 1
    assert set(counts.values()) == {1}
