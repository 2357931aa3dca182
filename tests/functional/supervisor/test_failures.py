"""What a staging does when a part of it fails, and what it says then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Run, Staging, Wait


@pytest.fixture(scope="module")
def wrecked(run: Run, wait: Wait) -> Iterator[Staging]:
    """A staging whose runtime has died."""
    with run() as staging:
        os.kill(staging.pids()["runtime"], signal.SIGKILL)
        wait(lambda: states(staging)["runtime"] == "failed", "the death is noticed")
        assert states(staging)["convex"] == "ready"
        yield staging


def states(staging: Staging) -> dict[str, str]:
    """Return how every process fares."""
    return {process["name"]: process["state"] for process in staging.get("/environment")["processes"]}


def test_switches_of_a_dead_runtime_have_failed(wrecked: Staging) -> None:
    """They have no value and say why; the client switches are not concerned."""
    sink = wrecked.switch("sink-path")
    assert (sink["state"], sink["value"]) == ("failed", None)
    assert "does not answer" in sink["detail"]
    assert wrecked.switch("web")["state"] == "ready"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/settings", None),
        ("GET", "/faults", None),
        ("PUT", "/faults/khala-lag", None),
        ("POST", "/stimulus", {"entity": "codex_worker"}),
    ],
)
def test_questions_to_a_dead_runtime_are_answered(
    wrecked: Staging, method: str, path: str, body: dict[str, str] | None
) -> None:
    """Whoever asks is told at once that the runtime does not answer."""
    status, content = wrecked.operate(method, path, body)
    assert (status, content["error"]["code"]) == (502, "staging_failed")
    assert "does not answer" in content["error"]["message"]


def test_a_flip_that_fails_is_told(wrecked: Staging) -> None:
    """A flip that was waited for and did not succeed is an error, not a value."""
    status, content = wrecked.operate("PUT", "/switches/sink-path", {"value": "convex-only"}, wait="1")
    assert (status, content["error"]["code"]) == (502, "staging_failed")


def test_surfaces_can_still_be_flipped(wrecked: Staging) -> None:
    """Rolling a client back must not need a healthy runtime."""
    assert wrecked.flip("web", "true")["value"] == "true"
    assert wrecked.flip("web", "false")["value"] == "false"


def test_a_lease_that_runs_out_puts_back_what_it_can(wrecked: Staging, wait: Wait) -> None:
    """A switch that cannot be put back does not keep the others from it, nor the lease from its end."""
    wrecked.flip("mobile", "true")
    asked = {
        "owner": "ada",
        "drill_id": "drill-1",
        "seconds": 0.05,
        "baseline": {"sink-path": "dual", "mobile": "false"},
    }
    assert wrecked.operate("PUT", "/lease", asked)[0] == 200
    wait(lambda: wrecked.get("/lease")["data"] is None, "the lease is free")
    assert wrecked.switch("mobile")["value"] == "false"


def test_a_surface_that_hangs_is_replaced(wrecked: Staging) -> None:
    """A process that does not end when it is asked to is killed, and the flip goes on."""
    hanging = wrecked.pids()["web"]
    os.kill(hanging, signal.SIGSTOP)
    flipped = wrecked.flip("web", "true")
    assert (flipped["value"], flipped["pid"] != hanging) == ("true", True)
    assert not Path(f"/proc/{hanging}").exists()


def test_a_lease_token_is_a_number(wrecked: Staging) -> None:
    """A release that names no number is refused."""
    status, content = wrecked.operate("DELETE", "/lease?token=mine")
    assert (status, content["error"]["code"]) == (422, "invalid_token")


def test_the_supervisor_answers_for_itself(wrecked: Staging) -> None:
    """Its own health needs no token and tells its process."""
    told = wrecked.anybody.get(f"{wrecked.urls['console']}healthz").json()
    assert (told["status"], told["component"], told["pid"]) == ("ok", "supervisor", wrecked.process.pid)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["tablet"], "there is no surface 'tablet'"), ([], "there is no surface"), (["web"], "STAGING_CONFIG")],
)
def test_a_surface_on_its_own_says_what_it_lacks(arguments: list[str], says: str) -> None:
    """Started by hand, a surface ends with what is wrong and what to type instead."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STAGING_")}
    ended = subprocess.run(
        [sys.executable, "-m", "drills.staging.surfaces", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
