"""A target of flags in a process of its own, and drills on it that are made to die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drills.restore.journal import Journal
from drills.restore.state import StateFolder

HERE = Path(__file__).parent
BASELINE = {"web": "false", "mobile": "false", "desktop": "false", "sink-path": "dual"}
TOKEN = "canary-operator-token"  # noqa: S105 - a canary


@dataclass
class Target:
    """The flag server."""

    process: subprocess.Popen[bytes]
    url: str

    def flags(self) -> dict[str, str]:
        """Return the values in effect."""
        return {name: self.get(f"switches/{name}")["value"] for name in BASELINE}

    def ask(self, switch: str, value: str) -> None:
        """Set a flag, as someone else would."""
        self.get(f"switches/{switch}", json.dumps({"value": value}).encode())

    def get(self, path: str, content: bytes | None = None) -> Any:
        """Return the answer to one request."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/{path}",
            data=content,
            headers={"authorization": f"Bearer {TOKEN}"},
            method="PUT" if content else "GET",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)


@dataclass
class Drills:
    """Starts drills on one target, with one state folder."""

    target: Target
    state: StateFolder
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, drill_id: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a drill in a session, and so a process group, of its own."""
        command = [sys.executable, str(HERE / "mortal_drill.py"), "--state", str(self.state.root)]
        command += ["--url", self.target.url, "--drill-id", drill_id, *arguments]
        pipe = subprocess.PIPE
        drill = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self.started[drill_id] = drill
        return drill

    def start_and_flip(self, drill_id: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a drill and return when it has flipped three flags and waits."""
        drill = self.start(drill_id, "--wait", *arguments)
        assert drill.stdout is not None
        assert [json.loads(drill.stdout.readline()) for _ in range(2)] == [{"flipping": True}, {"flipped": True}]
        return drill

    def journal(self, drill_id: str) -> Journal:
        """Return the journal of a drill."""
        return Journal(self.state.journal(self.target.url, drill_id))

    def watchdog_of(self, drill_id: str) -> int | None:
        """Return the process id of a drill's watchdog, if it is running."""
        wanted = str(self.journal(drill_id).path).encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in words and b"drills.restore.watchdog" in words:
                return int(process.name)
        return None


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("FLAG_TOKEN", TOKEN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    command = [sys.executable, str(HERE / "flag_server.py"), "--delay", "0.02"]
    command += [f"{name}={value}" for name, value in BASELINE.items()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield Target(server, json.loads(server.stdout.readline())["url"])
        server.communicate()


@pytest.fixture
def drills(target: Target, state: StateFolder, wait_for: Callable[[Callable[[], object]], float]) -> Iterator[Drills]:
    drills = Drills(target, state)
    yield drills
    for drill in drills.started.values():
        if drill.poll() is None:
            drill.kill()
        drill.communicate()
    wait_for(lambda: not any(map(drills.watchdog_of, drills.started)))


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object]], float]:
    def wait(condition: Callable[[], object]) -> float:
        """Return the seconds until ``condition`` came true; fail after a while."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < 20, "it did not come true"
            time.sleep(0.01)
        return time.monotonic() - started

    return wait
