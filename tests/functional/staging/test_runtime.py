from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from drills import phoenix
from drills.staging import settings

if TYPE_CHECKING:
    from tests.functional.staging.conftest import Runtime, Start, Wait

WORKERS = "runtime.codex_worker_summaries"
PREFIX = "runtime/codex_worker_summary:"


def test_a_ready_runtime_has_published_everything(start: Start) -> None:
    """Whoever finds the runtime ready finds every document on both lanes."""
    with start() as own:
        assert own.in_parity()


def test_an_event_is_projected_on_both_lanes(runtime: Runtime, wait: Wait) -> None:
    """A stimulus answers after the append; both lanes follow, and the worker list shows it."""
    before = runtime.http.get("/api/runtime/codex/workers/codexw_02").json()["data"]
    event = runtime.stimulate("codex_worker", "codexw_02")
    wait(runtime.in_parity, "both lanes have it")
    after = runtime.http.get("/api/runtime/codex/workers/codexw_02").json()["data"]

    assert event["seq"] == before["latest_seq"] + 1
    assert event["status"] != before["status"]
    assert (after["latest_seq"], after["status"]) == (event["seq"], event["status"])
    assert after["projection"]["document_id"] == event["doc_key"]
    assert after["projection"]["last_runtime_seq"] == event["seq"]


def test_runs_can_be_stimulated_too(runtime: Runtime) -> None:
    """Both kinds of entity have events on request."""
    assert runtime.stimulate("run")["doc_key"] == "runtime/run_summary:run_01"


def test_the_documents_of_a_topic_come_with_their_watermark(runtime: Runtime) -> None:
    """Hydration names the watermark to subscribe from; a single document is found by its key."""
    listed = runtime.http.get("/api/sync/documents", params={"topic": WORKERS}).json()
    first = listed["data"][0]
    single = runtime.http.get(f"/api/sync/documents/{first['doc_key']}").json()["data"]

    assert [document["doc_key"] for document in listed["data"]] == [f"{PREFIX}codexw_{n:02d}" for n in range(1, 7)]
    assert listed["watermark"] >= 6
    assert single.keys() == {"doc_key", "doc_version", "payload", "payload_hash", "updated_at"}
    assert single["doc_key"] == first["doc_key"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/runtime/codex/workers/nobody", 404),
        ("/api/sync/documents/nothing", 404),
        ("/api/sync/documents?topic=nowhere", 422),
        ("/api/auth/session", 401),
        ("/operator/settings", 401),
        ("/logs?limit=many", 422),
    ],
)
def test_what_cannot_be_answered_says_why(runtime: Runtime, path: str, status: int) -> None:
    """An error has a status, a code and a message."""
    answer = runtime.http.get(path)

    assert answer.status_code == status
    assert answer.json()["error"].keys() >= {"code", "message"}


def test_a_token_is_minted_for_known_scopes_only(runtime: Runtime) -> None:
    """The token endpoint needs the session, tells what it minted, and names the scopes it does not know."""
    path, body = "/api/sync/token", {"scopes": [WORKERS]}
    minted = runtime.http.post(path, json=body, headers=runtime.session).json()["data"]
    unknown = runtime.http.post(path, json={"scopes": [WORKERS, "all"]}, headers=runtime.session)
    malformed = runtime.http.post(path, content=b"{", headers=runtime.session)

    assert (minted["token_type"], minted["expires_in"], minted["scopes"]) == ("Bearer", 300, [WORKERS])
    assert minted["kid"] == "current"
    assert (unknown.status_code, unknown.json()["error"]["scopes"]) == (422, ["all"])
    assert malformed.status_code == 422
    assert runtime.http.post(path, json=body).status_code == 401


def test_the_session_cookie_signs_in(runtime: Runtime) -> None:
    """The cookie that the surfaces set is worth the same as the bearer token, and a wrong one nothing."""
    secret = runtime.config.session_secret.get_secret_value()
    good = runtime.http.get("/api/auth/session", headers={"cookie": f"oa_session={secret}"})
    bad = runtime.http.get("/api/auth/session", headers={"cookie": "oa_session=canary-wrong"})

    assert good.json()["data"]["user"].keys() == {"id", "name", "email"}
    assert (good.status_code, bad.status_code) == (200, 401)


def test_only_the_surfaces_may_read_across_origins(runtime: Runtime) -> None:
    """The API lets exactly the three surface origins in, with credentials."""
    ours = runtime.config.surface_urls.mobile
    answers = {
        origin: runtime.http.get("/api/runtime/codex/workers", headers={"origin": origin}).headers
        for origin in (ours, "http://127.0.0.1:9")
    }

    assert answers[ours]["access-control-allow-origin"] == ours
    assert answers[ours]["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in answers["http://127.0.0.1:9"]


def test_settings_are_strings_that_are_checked(runtime: Runtime) -> None:
    """Every setting reads back what was put; a value or key that cannot be is refused and changes nothing."""
    before = runtime.operate("GET", "/settings")["data"]
    runtime.put("parity_sample", "50")
    changed = runtime.operate("GET", "/settings")["data"]
    runtime.put("parity_sample", "200")
    token = {"Authorization": f"Bearer {runtime.config.operator_token.get_secret_value()}"}
    refused = [
        runtime.http.put(f"/operator/settings/{key}", json={"value": value}, headers=token).status_code
        for key, value in [("parity_sample", "0"), ("parity_interval_seconds", "0.5"), ("sink_path", "x"), ("y", "1")]
    ]

    assert before == {
        "khala_sync_parity_enabled": "false",
        "sink_path": "dual",
        "parity_interval_seconds": "1",
        "parity_sample": "200",
        "retention_horizon_seconds": "86400",
        "simulator_rate": "0",
    }
    assert changed == {**before, "parity_sample": "50"}
    assert refused == [422] * 4
    assert runtime.operate("GET", "/settings")["data"] == before


def test_faults_are_listed_set_and_cleared(runtime: Runtime) -> None:
    """The operator sees what can go wrong here, makes it so and undoes it; surface faults live elsewhere."""
    known = runtime.operate("GET", "/faults")["known"]
    active = runtime.operate("PUT", "/faults/khala-lag")["active"]
    cleared = runtime.operate("DELETE", "/faults/khala-lag")["active"]
    token = {"Authorization": f"Bearer {runtime.config.operator_token.get_secret_value()}"}

    assert {fault["component"] for fault in known} == {"runtime"}
    assert (active, cleared) == (["khala-lag"], [])
    assert runtime.http.put("/operator/faults/flag-ignored-web", headers=token).status_code == 404


def test_without_the_switch_the_auditor_counts_nothing(runtime: Runtime) -> None:
    """The auditor starts disabled, and its metrics exist only through its cycles."""
    assert "sync_parity_cycle_count_total{" not in runtime.http.get("/metrics").text


def test_a_healthy_system_has_no_drift(start: Start, wait: Wait) -> None:
    """While events pour in, every cycle samples something and finds nothing: no false drift between two commits."""
    with start(simulator_rate=60) as own:
        own.put("khala_sync_parity_enabled", "true")
        wait(lambda: own.metric("sync_parity_cycle_count_total") >= 5, "five cycles")
        sampled = own.metric("sync_parity_cycle_sampled_sum")
        mismatches = own.metric("sync_parity_cycle_mismatches_sum")
        cycles = own.metric("sync_parity_cycle_count_total", status="ok")
        steady = own.metric("sync_parity_entity_abs_lag_drift_bucket", le="0.0", reason_class="none", status="ok")

    assert (mismatches, sampled % 9) == (0, 0)
    assert cycles >= 5
    assert steady == sampled


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("khala-drop", "khala_missing"),
        ("khala-corrupt", "summary_hash_mismatch"),
        ("khala-lag", "hash_and_lag_drift"),
    ],
)
def test_a_fault_of_the_khala_lane_is_seen_by_the_auditor(start: Start, wait: Wait, fault: str, reason: str) -> None:
    """Each fault shows under its own reason, in metrics and log; cleared, parity returns by itself."""
    with start(fault if fault != "khala-lag" else "", simulator_rate=4) as own:
        own.operate("PUT", f"/faults/{fault}")
        own.put("khala_sync_parity_enabled", "true")
        wait(lambda: own.metric("sync_parity_entity_count_total", reason_class=reason) > 0, reason)
        failures = own.metric(
            "parity_failure_count_total",
            **{"class": "sync_dual_publish"},
            reason_class=reason,
            component="sync_parity_auditor",
            outcome="mismatch",
        )
        logged = own.http.get("/logs", params={"component": "sync_parity_auditor", "limit": 5000}).text
        own.put("simulator_rate", "0")
        own.operate("DELETE", f"/faults/{fault}")
        wait(own.in_parity, "parity is back")
        shown = own.http.get("/dashboard/data").json()["breakdown"]

    assert failures > 0
    assert f'"reason_class":"{reason}"' in logged
    assert reason in {entry["reason_class"] for entry in shown}


def test_a_silent_auditor_claims_to_be_enabled(start: Start, wait: Wait) -> None:
    """Under auditor-silent the switch reads true and no cycle is counted; without the fault they come."""
    with start("auditor-silent") as own:
        own.put("khala_sync_parity_enabled", "true")
        ticks = dashboard_points(own)
        wait(lambda: dashboard_points(own) >= ticks + 2, "time has passed")
        claimed = own.operate("GET", "/settings")["data"]
        silent = own.metric("sync_parity_cycle_count_total")
        own.operate("DELETE", "/faults/auditor-silent")
        wait(lambda: own.metric("sync_parity_cycle_count_total") > 0, "a cycle")

    assert claimed["khala_sync_parity_enabled"] == "true"
    assert silent == 0


def dashboard_points(own: Runtime) -> int:
    """How many seconds the dashboard has drawn."""
    return len(own.http.get("/dashboard/data").json()["panels"]["mismatch_count_rate"]["series"][0]["points"])


def test_the_auditor_samples_no_more_than_it_is_told(start: Start, wait: Wait) -> None:
    """A cycle compares the most recent checkpoints, as many as the setting says."""
    with start(parity_sample=2) as own:
        own.put("khala_sync_parity_enabled", "true")
        wait(lambda: own.metric("sync_parity_cycle_count_total") >= 1, "a cycle")
        cycles = own.metric("sync_parity_cycle_sampled_count")

        assert own.metric("sync_parity_cycle_sampled_sum") >= 2 * cycles
        assert own.metric("sync_parity_cycle_sampled_bucket", le="1.0") == 0
        assert own.metric("sync_parity_cycle_sampled_bucket", le="5.0") >= cycles


def test_the_sink_path_is_left_and_caught_up(start: Start, wait: Wait) -> None:
    """On convex-only Khala stands still, Convex follows and the auditor sees it; back on dual all is caught up."""
    with start() as own:
        own.put("khala_sync_parity_enabled", "true")
        own.put("sink_path", "convex-only")
        head = own.head(WORKERS)
        event = own.stimulate()
        wait(lambda: own.metric("sync_parity_entity_count_total", reason_class="hash_and_lag_drift") > 0, "drift")
        legacy = own.http.get(f"/api/runtime/codex/workers/{event['id']}").json()["data"]
        stood = own.head(WORKERS)
        own.put("sink_path", "dual")
        wait(own.in_parity, "parity is back")
        clean = own.metric("sync_parity_cycle_count_total", status="ok")
        wait(lambda: own.metric("sync_parity_cycle_count_total", status="ok") > clean, "a clean cycle")

        assert legacy["projection"]["last_runtime_seq"] == event["seq"]
        assert stood == head
        assert own.head(WORKERS) == head + 1


def test_the_log_never_holds_a_token(start: Start) -> None:
    """Neither the log nor the process's own output shows the token that travels in a socket's address."""
    with start() as own:
        token = own.token()
        with connect(own.socket_url(token), proxy=None) as client:
            client.send("[]")
        log = own.http.get("/logs").text

    assert "unreadable frame" in log
    assert token not in log
    assert "canary-" not in log


def test_the_log_is_told_apart_by_component(runtime: Runtime) -> None:
    """Lines are JSON, and a component's newest lines can be asked for alone."""
    text = runtime.http.get("/logs", params={"component": "runtime", "limit": 1}).text
    lines = [json.loads(line) for line in text.splitlines()]

    assert [line["component"] for line in lines] == ["runtime"]
    assert lines[0].keys() >= {"at", "level", "component", "message"}


def test_a_runtime_with_open_sockets_stops_at_once(start: Start) -> None:
    """SIGTERM ends the process with code 0, however many sockets are open."""
    with start() as own, own.connected() as client:
        client.join()
        own.process.send_signal(signal.SIGTERM)

        assert own.process.wait(timeout=3) == 0


def test_a_runtime_ends_with_its_leash(start: Start) -> None:
    """When the other end of its standard input is closed, however that happened, the process ends."""
    with start() as own:
        assert own.process.stdin is not None
        own.process.stdin.close()

        assert own.process.wait(timeout=3) == 0


def test_a_process_without_its_supervisor_says_what_to_do() -> None:
    """Started by hand, a process says in words what it is missing and ends with an error."""
    environment = {"PATH": "/usr/bin"}
    ended = subprocess.run(
        [sys.executable, "-m", "drills.staging.runtime"], env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert settings.CONFIG_VARIABLE in ended.stderr
    assert "drill staging up" in ended.stderr


def test_the_runtime_lives_on_either_database(start: Start, database_url: str, wait: Wait) -> None:
    """The same runtime works on SQLite and on PostgreSQL, and after a restart goes on where it was."""
    with start(database_url=database_url, simulator_rate=20) as first:
        wait(lambda: first.head(WORKERS) >= 20, "a history")
    with start(database_url=database_url) as second, second.connected() as client:
        wait(second.in_parity, "what the end interrupted is made up for")
        head = second.head(WORKERS)
        client.join().ask("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: 0}})
        replayed = len(client.batch()["updates"])
        second.stimulate()
        (update,) = client.batch()["updates"]

    assert head >= 20
    assert replayed == head
    assert update["watermark"] == head + 1


def test_a_held_up_client_learns_of_rows_pruned_under_it(start: Start, wait: Wait, tmp_path: Path) -> None:
    """A client whose rows are pruned before they could be sent is told to start over, not left with a gap."""
    database = f"sqlite:///{tmp_path / 'staging.sqlite'}"
    with start(database_url=database):
        pass  # its rows are now only in the database
    with start("khala-stall", database_url=database) as own, own.connected() as client:
        client.send(phoenix.JOIN, {})
        client.send("sync:subscribe", {"topics": [WORKERS], "resume_after": {WORKERS: 1}})
        wait(lambda: own.metric("sync_socket_reconnect_count_total") == 1, "the subscription was taken")
        own.operate("POST", "/retention", {"horizon_seconds": 0})
        own.operate("DELETE", "/faults/khala-stall")
        lost = client.push("sync:error").payload
        answered = client.ask(phoenix.HEARTBEAT, topic=phoenix.PHOENIX_TOPIC)

    assert lost["code"] == "stale_cursor"
    assert lost["stale_topics"] == [{"topic": WORKERS, "resume_after": 1, "retention_floor": 6}]
    assert answered == ("ok", {})
