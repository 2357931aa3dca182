"""Profiles that name a source of metrics, and the ``drill`` command as a user types it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from drills.cli import main
from drills.target.embedded import StagingReady

#: Writes a profile whose metrics are as the lines say; ``rehearsal`` keeps the short windows.
WriteProfile: TypeAlias = Callable[..., Path]
RunDrill: TypeAlias = Callable[..., Result]
DRILL = (sys.executable, "-m", "drills")
NAMES = "operator console khala_socket runtime metrics dashboard logs web mobile desktop convex"


@pytest.fixture
def write_profile(tmp_path: Path) -> WriteProfile:
    """Write the profile of a staging that is not there, except for its metrics."""

    def write(metrics: str, *, rehearsal: bool = False) -> Path:
        urls = {name: f"http://127.0.0.1:9/{name}" for name in NAMES.split()}
        urls["khala_socket"] = "ws://127.0.0.1:9/socket"
        secrets = dict.fromkeys(("operator_token", "session_secret", "sync_token", "database_url"), "canary-secret")
        ready = StagingReady.model_validate({"pid": 1, "urls": urls, "state_dir": tmp_path, **secrets})
        document = ready.profile_text()
        before, _, rest = document.partition("[metrics]")
        after = rest[rest.index("\n[") :]
        document = f"{before}[metrics]\n{metrics}\n{after}"
        if not rehearsal:
            document = document.replace("[rehearsal]\nwindow_seconds = 20\n", "")
        path = tmp_path / "target.toml"
        path.write_text(document, encoding="utf-8")
        return path

    return write


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDrill:
    """Run ``drill`` with words, to its end, in this process."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, words, catch_exceptions=False)

    return run
