from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.staging.conftest import Json, Runtime, Start, Wait

WORKERS = "runtime.codex_worker_summaries"
CLIENT = Path(__file__).with_name("phoenix_client.mjs")
PACKAGES = ("phoenix@1", "ws@8")
INSTALL_SECONDS = 120


@pytest.fixture(scope="module")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Phoenix's JavaScript client and a WebSocket for it."""
    if not (shutil.which("node") and (npm := shutil.which("npm"))):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "install", *quiet, *PACKAGES], cwd=folder, check=True, capture_output=True, timeout=INSTALL_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"the packages {', '.join(PACKAGES)} cannot be installed: {error}")
    return folder


def told(own: Runtime, folder: Path, floor: int) -> Json:
    """Run the client beside one event of a worker and return its story."""
    base = own.config.runtime_url.replace("http", "ws", 1)
    command = ["node", str(CLIENT), str(folder), f"{base}/sync/socket", own.token(WORKERS), str(floor)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        own.stimulate("codex_worker", "codexw_02")
        story: Json = json.loads(client.stdout.readline())
    return story


def test_phoenix_itself_can_talk_to_the_staging(start: Start, wait: Wait, node_packages: Path) -> None:
    """Phoenix's own client joins, replays, resumes, is told stale_cursor, follows live and leaves."""
    with start() as own:
        own.operate("POST", "/retention", {"horizon_seconds": 0})
        for _ in range(3):
            own.stimulate()
        wait(own.in_parity, "there is something to replay")
        story = told(own, node_packages, floor=6)

    assert story["elsewhere"] == {"status": "error", "response": {"code": "bad_topic"}}
    assert story["joined"]["response"]["allowed_topics"] == [WORKERS]
    assert story["subscribed"]["response"]["current_watermarks"] == [{"topic": WORKERS, "watermark": 9}]
    assert [update["watermark"] for update in story["replayed"]] == [7, 8, 9]
    assert story["resumed"]["status"] == "ok"
    assert [update["watermark"] for update in story["missed"]] == [8, 9]
    assert (
        story["heartbeat"]["response"] == story["beat"] == {"current_watermarks": [{"topic": WORKERS, "watermark": 9}]}
    )
    assert (story["stale"]["status"], story["stale"]["response"]["code"]) == ("error", "stale_cursor")
    assert story["stale"]["response"]["stale_topics"] == [{"topic": WORKERS, "resume_after": 5, "retention_floor": 6}]
    assert story["told"] == story["stale"]["response"]
    assert [update["doc_key"] for update in story["live"]["updates"]] == ["runtime/codex_worker_summary:codexw_02"]
    assert story["left"] == {"status": "ok", "response": {}}
