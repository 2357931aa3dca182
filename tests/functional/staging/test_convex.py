from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx2
import pytest

from drills.staging import settings

if TYPE_CHECKING:
    from tests.functional.staging.conftest import Runtime, Serve, Wait

QUERY = {"path": "codexWorkers:list", "args": {}, "format": "json"}


@pytest.fixture(scope="module")
def convex(runtime: Runtime, serve: Serve) -> Iterator[httpx2.Client]:
    """The Convex lane beside the shared runtime."""
    with serve("drills.staging.convex", runtime.config.state_dir / "config.json") as client:
        yield client


def test_the_legacy_lane_lists_the_workers(runtime: Runtime, convex: httpx2.Client, wait: Wait) -> None:
    """The query that a legacy client polls answers every worker's summary, and follows the authority."""

    def listed() -> dict[str, dict[str, object]]:
        value = convex.post("/api/query", json=QUERY).json()["value"]
        return {worker["worker_id"]: worker for worker in value}

    event = runtime.stimulate("codex_worker", "codexw_03")
    wait(lambda: listed()["codexw_03"]["latest_seq"] == event["seq"], "the update is polled")

    assert listed()["codexw_03"]["status"] == event["status"]
    assert len(listed()) == runtime.config.workers


def test_a_query_that_is_not_there_fails_by_status(convex: httpx2.Client) -> None:
    """An unknown function is answered as Convex does: status error, with a message."""
    answer = convex.post("/api/query", json={**QUERY, "path": "nothing:here"}).json()

    assert answer["status"] == "error"
    assert "nothing:here" in answer["errorMessage"]
    assert convex.post("/api/query", json={"args": {}}).status_code == 422


def test_the_probe_finds_a_version(convex: httpx2.Client) -> None:
    """The desktop's connectivity probe is answered."""
    assert convex.get("/version").text == "convex-staging 1"
    assert convex.get("/healthz").json()["component"] == "convex"


def test_surfaces_may_ask_across_origins(runtime: Runtime, convex: httpx2.Client) -> None:
    """A surface's page may poll the lane, another origin's may not."""
    allowed = {
        origin: convex.post("/api/query", json=QUERY, headers={"origin": origin}).headers.get(
            "access-control-allow-origin"
        )
        for origin in (runtime.config.surface_urls.web, "http://127.0.0.1:9")
    }

    assert allowed == {runtime.config.surface_urls.web: runtime.config.surface_urls.web, "http://127.0.0.1:9": None}


def test_the_config_is_private(runtime: Runtime) -> None:
    """The file that carries the environment's secrets can be read by its owner only."""
    path = runtime.config.state_dir / "config.json"

    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.load(path) == runtime.config
