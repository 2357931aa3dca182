"""What the supervisor promises whoever started it, and whoever holds the operator's token."""

from __future__ import annotations

import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import jwt
import orjson
import pytest

from drills.staging.leash import COMMAND

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Staging, Start, Wait

#: The file by which a leash is known among the processes.
LEASH = COMMAND[-1]
SURFACES = {
    "web": "VITE_KHALA_SYNC_ENABLED",
    "mobile": "EXPO_PUBLIC_KHALA_SYNC_ENABLED",
    "desktop": "OA_DESKTOP_KHALA_SYNC_ENABLED",
}


@pytest.fixture(autouse=True)
def legacy_everywhere(staging: Staging) -> None:
    """Every flag is off before each test."""
    for surface in SURFACES:
        staging.flip(surface, "false")


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def test_the_ready_line_leads_everywhere(staging: Staging) -> None:
    """Every address in the ready line answers; its sync token, or by now one like it, opens the runtime's socket."""
    http = [url for name, url in staging.urls.items() if name not in {"khala_socket", "convex", "runtime", "operator"}]
    statuses = {url: staging.anybody.get(url).status_code for url in http}
    assert statuses == dict.fromkeys(http, 200)
    asked = staging.anybody.post(
        f"{staging.urls['runtime']}/api/sync/token",
        json={"scopes": ["runtime.codex_worker_summaries"]},
        headers={"authorization": f"Bearer {staging.ready['session_secret']}"},
    )
    # A suite may take longer than the five minutes that a token is good for.
    fresh = asked.json()["data"]["token"]
    assert jwt.get_unverified_header(fresh) == jwt.get_unverified_header(str(staging.ready["sync_token"]))
    query = {"token": fresh, "vsn": "2.0.0"}
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    key = {"sec-websocket-key": "a2hhbGEtZHJpbGxzLTAwMQ=="}
    socket = staging.urls["khala_socket"].replace("ws", "http", 1)
    with staging.anybody.stream("GET", socket, params=query, headers=upgrade | key) as answer:
        assert answer.status_code == 101


def test_secrets_are_kept_from_others(staging: Staging) -> None:
    """The config file is readable by its owner alone, in a folder that is nobody else's."""
    (config,) = staging.state_dir.glob("config-*.json")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (config, staging.state_dir)]
    assert modes == [0o600, 0o700]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer canary-wrong"}, {"cookie": "console=canary"}])
def test_the_operator_api_needs_its_token(staging: Staging, headers: dict[str, str]) -> None:
    """Without the operator's token nothing is shown and nothing is flipped."""
    answers = [
        staging.anybody.get(f"{staging.urls['operator']}/switches", headers=headers),
        staging.anybody.put(f"{staging.urls['operator']}/switches/web", json={"value": "true"}, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert staging.health("web")["value"] == "false"


def test_all_switches_are_listed(staging: Staging) -> None:
    """The list names every switch with its kind, key and the value in effect."""
    listed = {
        one["id"]: (one["kind"], one["key"], one["value"], one["state"]) for one in staging.get("/switches")["switches"]
    }
    assert listed == {
        **{name: ("client", flag, "false", "ready") for name, flag in SURFACES.items()},
        "sink-path": ("runtime", "sink_path", "dual", "ready"),
        "parity-auditor": ("runtime", "khala_sync_parity_enabled", "true", "ready"),
    }


@pytest.mark.parametrize("surface", SURFACES)
def test_a_flip_restarts_one_surface_only(staging: Staging, surface: str) -> None:
    """The flipped surface answers at the same address from a new process; every other process is untouched."""
    before = staging.pids()
    flipped = staging.flip(surface, "true")
    after = staging.pids()
    assert {name for name in before if before[name] != after[name]} == {surface}
    health = staging.health(surface)
    assert (health["flag"], health["value"], health["pid"]) == (SURFACES[surface], "true", after[surface])
    assert (flipped["value"], flipped["pid"], flipped["url"]) == ("true", after[surface], staging.urls[surface])


def test_a_flip_to_the_value_in_effect_changes_nothing(staging: Staging) -> None:
    """Asking for what is in effect already leaves the process alone."""
    before = staging.pids()
    assert staging.flip("web", "false")["value"] == "false"
    assert staging.pids() == before


def test_a_flip_is_answered_at_once(staging: Staging, wait: Wait) -> None:
    """PUT answers 202 while the surface restarts; until it is back the switch is busy and has no value."""
    status, begun = staging.operate("PUT", "/switches/web", {"value": "true"})
    meanwhile = staging.switch("web")
    assert (status, begun["state"], begun["value"]) == (202, "busy", None)
    assert (meanwhile["state"], meanwhile["value"]) == ("busy", None)
    wait(lambda: staging.switch("web")["state"] == "ready", "the web surface is back")
    assert staging.switch("web")["value"] == "true"


def test_flips_of_one_surface_wait_for_each_other(staging: Staging) -> None:
    """Of several flips the last one asked for is the one that stays."""
    for value in ("true", "false", "true"):
        staging.operate("PUT", "/switches/web", {"value": value})
    assert staging.flip("web", "true")["value"] == "true"
    assert staging.health("web")["value"] == "true"


def test_flips_of_several_surfaces_run_side_by_side(staging: Staging) -> None:
    """While the desktop restarts, the web can be flipped there and back."""
    staging.operate("PUT", "/switches/desktop", {"value": "true"})
    with ThreadPoolExecutor() as pool:
        values = list(pool.map(lambda name: staging.flip(name, "true")["value"], ("web", "mobile")))
    assert values == ["true", "true"]
    assert staging.flip("desktop", "true")["value"] == "true"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/switches/web", {"value": "yes"}, 422, "invalid_value"),
        ("/switches/sink-path", {"value": "khala-only"}, 422, "invalid_value"),
        ("/switches/web", {"wert": "true"}, 422, "invalid_body"),
        ("/switches/tablet", {"value": "true"}, 404, "unknown_switch"),
        ("/faults/gremlin", None, 404, "unknown_fault"),
        ("/settings/colour", {"value": "blue"}, 422, "invalid_setting"),
    ],
)
def test_wrong_requests_are_refused_with_a_reason(
    staging: Staging, path: str, body: object, status: int, code: str
) -> None:
    """A request that makes no sense changes nothing and is told why."""
    before = staging.pids()
    answered, content = staging.operate("PUT", path, body)
    assert (answered, content["error"]["code"]) == (status, code)
    assert content["error"]["message"]
    assert staging.pids() == before


@pytest.mark.parametrize(
    ("switch", "key", "value", "back"),
    [
        ("sink-path", "sink_path", "convex-only", "dual"),
        ("parity-auditor", "khala_sync_parity_enabled", "false", "true"),
    ],
)
def test_runtime_switches_are_settings_of_the_runtime(
    staging: Staging, switch: str, key: str, value: str, back: str
) -> None:
    """Flipping a runtime switch puts the runtime's own setting into effect, without any restart."""
    before = staging.pids()
    assert staging.flip(switch, value)["value"] == value
    assert staging.get("/settings")["data"][key] == value
    assert staging.flip(switch, back)["value"] == back
    assert staging.pids() == before


def test_what_is_the_runtimes_is_passed_on(staging: Staging, wait: Wait) -> None:
    """Stimuli, authority, parity and retention are the runtime's own answers."""
    event = staging.stimulate("codexw_02")
    assert staging.get("/authority")["data"]["codex_worker"]["codexw_02"]["seq"] == event["seq"]
    key = event["doc_key"]
    wait(
        lambda: staging.get("/parity")["data"]["read_models"][key]["doc_version"] == event["seq"],
        "the event is published",
    )
    status, pruned = staging.operate("POST", "/retention", {"horizon_seconds": 0})
    assert (status, pruned["data"]["runtime.codex_worker_summaries"] > 0) == (200, True)


def test_a_surface_that_died_is_shown_and_can_be_started_again(staging: Staging, wait: Wait) -> None:
    """A surface that ends by itself is failed, without a value, until somebody flips it."""
    os.kill(staging.pids()["web"], signal.SIGKILL)
    wait(lambda: staging.switch("web")["state"] == "failed", "the death is noticed")
    assert staging.switch("web")["value"] is None
    assert {one["name"]: one["state"] for one in staging.get("/environment")["processes"]}["web"] == "failed"
    assert staging.flip("web", "false")["state"] == "ready"
    assert staging.health("web")["value"] == "false"


def test_a_desktop_without_its_window_has_failed(staging: Staging, wait: Wait) -> None:
    """The shell alone is not a desktop: when its window is gone the switch says so, and a flip opens a new one."""
    leash = next(command for command in staging.leftovers() if LEASH in command)
    profile = leash.split(LEASH)[1].split()[0]
    browser = next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if f"--user-data-dir={profile}".encode() in _command(folder) and b"--type=" not in _command(folder)
        and LEASH.encode() not in _command(folder)
    )  # fmt: skip
    os.kill(browser, signal.SIGKILL)
    wait(lambda: staging.switch("desktop")["state"] == "failed", "the loss of the window is noticed")
    assert staging.health("desktop")["window"] == "closed"
    assert staging.flip("desktop", "false")["state"] == "ready"
    assert staging.health("desktop")["window"] == "open"
    wait(lambda: not Path(profile).exists(), "the old window's profile is removed")


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_the_desktop_tells_where_its_window_can_be_joined(staging: Staging) -> None:
    """The address in the desktop's health is a DevTools endpoint with the shell's page open in it."""
    health = staging.health("desktop")
    pages = staging.anybody.get(f"{health['cdp_url']}/json/list").json()
    assert (health["window"], [page["url"] for page in pages]) == ("open", [f"{staging.urls['desktop']}/"])


def test_surface_faults_restart_their_surface_only(staging: Staging) -> None:
    """A surface fault is in force in a new process of that surface, whose flag still says what it was set to."""
    before = staging.pids()
    with staging.fault("flag-ignored-web"):
        assert staging.get("/faults")["active"] == ["flag-ignored-web"]
        after = staging.pids()
        assert staging.flip("web", "true")["value"] == "true"
        assert staging.anybody.get(f"{staging.urls['web']}/config.json").json()["lane"] == "legacy"
        staging.flip("web", "false")
    assert {name for name in before if before[name] != after[name]} == {"web"}
    assert staging.get("/faults")["active"] == []
    assert staging.anybody.get(f"{staging.urls['web']}/config.json").json()["lane"] == "legacy"


def test_a_fault_without_a_surface_is_in_force_on_all(staging: Staging) -> None:
    """The bare name stands for the fault on every surface."""
    with staging.fault("fallback-broken"):
        assert staging.get("/faults")["active"] == [f"fallback-broken-{surface}" for surface in SURFACES]


def test_runtime_faults_are_passed_on(staging: Staging) -> None:
    """A runtime fault is in force in the runtime, and nothing is restarted for it."""
    before = staging.pids()
    with staging.fault("khala-lag"):
        assert staging.get("/faults")["active"] == ["khala-lag"]
    assert staging.get("/faults")["active"] == []
    assert staging.pids() == before


def test_children_see_little_of_the_starters_environment(staging: Staging) -> None:
    """A child's environment holds what it needs, and each flag only in its own surface."""
    pids = staging.pids()
    seen = {name: environment_of(pid) for name, pid in pids.items()}
    assert "CANARY_OF_THE_STARTER" in environment_of(staging.process.pid)
    assert [name for name in seen if "CANARY_OF_THE_STARTER" in seen[name]] == []
    flags = {name: [flag for flag in SURFACES.values() if flag in seen[name]] for name in pids}
    assert flags == {"runtime": [], "convex": [], **{name: [flag] for name, flag in SURFACES.items()}}


def test_the_environment_is_told_without_secrets(staging: Staging) -> None:
    """The environment says what runs where, and none of the secrets."""
    told = staging.get("/environment")
    assert (told["pid"], told["database"], told["urls"]) == (staging.process.pid, "sqlite", staging.urls)
    assert [process["state"] for process in told["processes"]] == ["ready"] * 5
    text = orjson.dumps(told).decode()
    assert [name for name in ("operator_token", "session_secret", "sync_token") if staging.ready[name] in text] == []


def test_only_one_drill_holds_the_lease(staging: Staging) -> None:
    """The second one is told who holds it; the holder renews and releases with its token."""
    mine = {"owner": "ada", "drill_id": "drill-1", "seconds": 60, "baseline": {"web": "false"}}
    status, taken = staging.operate("PUT", "/lease", mine)
    token = taken["data"]["token"]
    refused, why = staging.operate("PUT", "/lease", mine | {"owner": "bob", "drill_id": "drill-2"})
    assert (status, refused, why["error"]["code"], why["error"]["owner"]) == (200, 409, "lease_held", "ada")
    assert staging.operate("PUT", "/lease", mine | {"token": token, "seconds": 90})[0] == 200
    assert staging.get("/lease")["data"]["baseline"] == {"web": "false"}
    assert staging.operate("DELETE", "/lease", token=str(token + 1))[0] == 409
    assert staging.operate("DELETE", "/lease", token=str(token))[0] == 200
    assert staging.get("/lease")["data"] is None
    late, over = staging.operate("PUT", "/lease", mine | {"token": token})
    assert (late, over["error"]["code"]) == (409, "lease_over")


@pytest.mark.parametrize("change", [{"baseline": {"tablet": "true"}}, {"seconds": 0}, {"owner": None}])
def test_a_lease_that_makes_no_sense_is_refused(staging: Staging, change: dict[str, object]) -> None:
    """A lease needs an owner, a length, and a baseline of switches that there are."""
    asked = {"owner": "ada", "drill_id": "drill-1", "seconds": 60, "baseline": {}} | change
    assert staging.operate("PUT", "/lease", asked)[0] == 422
    assert staging.get("/lease")["data"] is None


def test_a_lease_that_runs_out_puts_the_baseline_back(staging: Staging, wait: Wait) -> None:
    """When a holder is never heard of again, the supervisor itself goes back to the baseline, then frees the lease."""
    baseline = {"web": "false", "mobile": "false", "sink-path": "dual"}
    asked = {"owner": "ada", "drill_id": "drill-1", "seconds": 60, "baseline": baseline}
    token = staging.operate("PUT", "/lease", asked)[1]["data"]["token"]
    mobile = staging.health("mobile")["pid"]
    staging.flip("web", "true")
    staging.flip("sink-path", "convex-only")
    assert staging.operate("PUT", "/lease", asked | {"token": token, "seconds": 0.05})[0] == 200
    wait(lambda: staging.get("/lease")["data"] is None, "the lease is free")
    values = {name: staging.switch(name)["value"] for name in baseline}
    assert (values, staging.health("mobile")["pid"]) == (baseline, mobile)


@pytest.mark.parametrize("surface", SURFACES)
def test_pages_let_nothing_foreign_in(staging: Staging, surface: str) -> None:
    """A page runs only its own scripts and styles, and keeps its session where scripts cannot read it."""
    page = staging.anybody.get(f"{staging.urls[surface]}/")
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    cookie = page.headers["set-cookie"].lower()
    assert [part for part in ("oa_session=", "httponly", "samesite=lax") if part not in cookie] == []
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_watermarks_that_are_none_are_refused(staging: Staging) -> None:
    """The desktop's shell keeps numbers by topic and nothing else."""
    url = f"{staging.urls['desktop']}/watermarks"
    kept = staging.anybody.get(url).json()
    assert staging.anybody.put(url, content=b'{"topic": "later"}').status_code == 422
    assert staging.anybody.get(url).json() == kept
    assert staging.anybody.put(url, json={**kept, "runtime.notifications": 7}).status_code == 204
    assert staging.anybody.get(url).json() == {**kept, "runtime.notifications": 7}


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["--fault", "gremlin"], {}, "gremlin"),
        (["--legacy-poll-seconds", "-1"], {}, "legacy_poll_seconds"),
        ([], {"DRILL_BROWSER": "/nowhere/chromium"}, "/nowhere/chromium"),
        (["--database-url", "sqlite:////nowhere/at/all.sqlite"], {}, "runtime ended"),
        ([], {"DRILL_BROWSER": "/bin/true"}, "desktop says that it failed"),
    ],
)
def test_a_staging_that_cannot_start_says_why(
    start_staging: Start, arguments: list[str], environment: dict[str, str], says: str
) -> None:
    """One line of JSON tells the reason, the exit code is 1, and nothing is left running."""
    process = start_staging(*arguments, environment=environment)
    with process:
        output, _ = process.communicate(timeout=30)
    told = orjson.loads(output)
    assert (process.returncode, told["ready"]) == (1, False)
    assert says in told["error"]


def test_faults_can_be_in_force_from_the_start(start_staging: Start) -> None:
    """``--fault`` names runtime and surface faults that are in force when the staging is up."""
    names = ["khala-stall", "flag-ignored-mobile"]
    process = start_staging("--with-parent", *(word for name in names for word in ("--fault", name)))
    with process:
        assert process.stdout is not None
        ready = orjson.loads(process.stdout.readline())
        headers = {"authorization": f"Bearer {ready['operator_token']}"}
        active = httpx2.get(f"{ready['urls']['operator']}/faults", headers=headers, trust_env=False).json()["active"]
        process.send_signal(signal.SIGTERM)
    assert sorted(active) == sorted(names)
