"""A drill of a staging that offers no operator API: other switch kinds, updates that come by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pytest

from drills.evidence.records import Verdict

if TYPE_CHECKING:
    from tests.functional.drill.conftest import Outcome, RunDrill, Staging

pytestmark = pytest.mark.nightly  # every run has two whole drills without this one

#: Reads a switch of the staging, or sets it, as a team's own script would.
FLAG = """
import http.client, json, os, sys
_, _, host, path = sys.argv[1].split("/", 3)
headers = {"authorization": "Bearer " + os.environ["TOKEN"], "content-type": "application/json"}
body = json.dumps({"value": sys.argv[2]}) if len(sys.argv) > 2 else None
connection = http.client.HTTPConnection(host)
connection.request("PUT" if body else "GET", "/" + path, body, headers)
answer = json.load(connection.getresponse())
sys.exit(answer["error"]) if "error" in answer else print(json.dumps(answer))
"""

PROFILE = Template("""
name = "other-switches"
environment = "staging"

[objectives]
lane_target_ms = 500
incident_threshold = 0.05
update_latency_seconds = 3

[rehearsal]
window_seconds = 20

[khala]
socket_url = "$socket"
token_url = "$runtime/api/sync/token"
session = { file = "$secrets/session-secret" }

[stimulus]
kind = "none"
wait_seconds = 20

[authority]
url = "$runtime/api/runtime/codex/workers"
headers = { Authorization = { file = "$secrets/session-secret", prefix = "Bearer " } }
workers = "/data"

[metrics]
kind = "scrape"
url = "$metrics"

[parity]
database = { file = "$secrets/database-url" }

[cohort]
clients = 12
reconnect_seconds = 3

[links]
dashboard = "$dashboard"
logs = "$logs"

$surfaces

[switches.web]
kind = "http"
url = "$operator/switches/web"
state_pointer = "/state"
token = { file = "$secrets/operator-token" }

[switches.mobile]
kind = "command"
get = ["$python", "-I", "-S", "flag.py", "$operator/switches/mobile"]
set = ["$python", "-I", "-S", "flag.py", "$operator/switches/mobile", "{value}"]
pointer = "/value"
directory = "."
secrets = { TOKEN = { file = "$secrets/operator-token" } }
poll_seconds = 0.3
ready = { url = "$mobile", contains = "<html" }

[switches.desktop]
kind = "http"
url = "$operator/switches/desktop"
state_pointer = "/state"
headers = { Authorization = { file = "$secrets/operator-token", prefix = "Bearer " } }
body = { value = "{value}" }

[switches.sink-path]
kind = "file"
path = "sink.env"
format = "dotenv"
key = "SINK_PATH"
reload = ["$python", "$folder/reload.py", "$operator/switches/sink-path", "$folder/sink.env"]
secrets = { TOKEN = { file = "$secrets/operator-token" } }

[switches.parity-auditor]
kind = "page"
url = "$console"
login = [
    { fill = "#operator-token", secret = { file = "$secrets/operator-token" } },
    { click = "#sign-in" },
]
steps = [
    { click = 'button[data-switch="parity-auditor"]' },
    { wait = 'button[data-switch="parity-auditor"][aria-checked="{value}"]' },
]

[switches.parity-auditor.read]
kind = "http"
url = "$operator/switches/parity-auditor"
state_pointer = "/state"
token = { file = "$secrets/operator-token" }
""")


@pytest.fixture(scope="module")
def profile(staging: Staging, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profile of the staging without anything that it has for drills: the same addresses, used in other ways."""
    folder = tmp_path_factory.mktemp("other")
    made = tomllib.loads(staging.profile.read_text())
    (folder / "flag.py").write_text(FLAG)
    (folder / "reload.py").write_text(FLAG.replace("sys.argv[2]}", "open(sys.argv[2]).read().split('=')[1].strip()}"))
    (folder / "sink.env").write_text("# what the runtime is started with\nSINK_PATH=dual\n")
    _, _, surfaces = staging.profile.read_text().partition("[surfaces.web]")
    runtime = made["khala"]["token_url"].removesuffix("/api/sync/token")
    path = folder / "other.toml"
    path.write_text(
        PROFILE.substitute(
            python=sys.executable,
            folder=folder,
            secrets=Path(made["operator_api"]["token"]["file"]).parent,
            operator=made["operator_api"]["url"].rstrip("/"),
            console=made["console"]["url"],
            socket=made["khala"]["socket_url"],
            runtime=runtime,
            metrics=made["metrics"]["url"],
            dashboard=made["links"]["dashboard"],
            logs=made["links"]["logs"],
            mobile=made["surfaces"]["mobile"]["url"],
            surfaces="[surfaces.web]" + surfaces,
        )
    )
    return path


@pytest.fixture(scope="module")
def drilled(profile: Path, run_drill: RunDrill, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One whole drill with that profile."""
    folder = tmp_path_factory.mktemp("other-drill")
    return run_drill("--target", str(profile), out=folder / "status", state=folder / "state")


def test_the_drill_passes_without_an_operator_api(drilled: Outcome) -> None:
    """Every item, gate and rollback passes, and every check behind them has something that it observed."""
    record = drilled.record
    assert (drilled.code, record.verdict) == (0, Verdict.PASS), drilled.output


def test_every_switch_is_back(drilled: Outcome, staging: Staging, profile: Path) -> None:
    """Whatever way they were flipped; and the file says again what it said."""
    assert drilled.record.restored is not None
    assert {one.switch for one in drilled.record.restored.switches if one.restored} == set(staging.values())
    assert staging.values()["sink-path"] == "dual"
    assert (profile.parent / "sink.env").read_text() == "# what the runtime is started with\nSINK_PATH=dual\n"


def test_the_report_says_what_cannot_be_promised(drilled: Outcome) -> None:
    """A page is put back by a browser, which a crashed machine may not have."""
    assert "Flags on an operator's page (parity-auditor) are put back by a browser" in drilled.report.replace("\n", " ")


def test_the_doctor_finds_what_would_stop_a_drill(profile: Path, staging: Staging, tmp_path: Path) -> None:
    """A selector that matches nothing, a value that no lane has, a flag of another name: each with a remedy."""
    text = profile.read_text().replace('title = "Web admin"', 'title = "Web admin"\nselectors = { any_row = ".gone" }')
    text = text.replace("/switches/desktop", "/switches/laptop").replace('path = "sink.env"', 'path = "other.env"')
    (profile.parent / "other.env").write_text("SINK_PATH=both\n")
    wrong = profile.with_name("wrong.toml")
    wrong.write_text(text)
    command = [sys.executable, "-m", "drills", "doctor", "--target", str(wrong)]
    done = subprocess.run(
        command, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    missed = [line for line in done.stdout.splitlines() if line.startswith("MISS") and "browser" not in line]
    assert done.returncode == 2
    assert [line.partition(":")[0] for line in missed if "git" not in line] == [
        "MISS switch desktop",
        "MISS switch sink-path",
        "MISS surface web",
    ]
    assert "it reads 'both', which is none of convex-only, dual" in done.stdout
    assert "no element matches '.gone' within 10 s" in done.stdout
    assert f"next: grep -n SINK_PATH {profile.parent / 'other.env'}" in done.stdout
    assert staging.values()["sink-path"] == "dual"
