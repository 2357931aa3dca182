"""A whole staging, as its starter sees it, and a browser to look at it with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from playwright.sync_api import Browser, sync_playwright

from drills.target import chromium

PATIENCE = 20.0
#: Fast enough for tests, slow enough that two polls can be told apart.
LEGACY_POLL_SECONDS = 0.6
CONVEX_POLL_SECONDS = 0.5
PACES = ("--legacy-poll-seconds", f"{LEGACY_POLL_SECONDS}", "--convex-poll-seconds", f"{CONVEX_POLL_SECONDS}")
CANARY = "CANARY_OF_THE_STARTER"

Json = dict[str, Any]
Wait = Callable[[Callable[[], object], str], None]


def wait_for(look: Callable[[], object], what: str) -> None:
    """Return once ``look`` returns something true."""
    end = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.02)


@dataclass
class Staging:
    """A running staging: its process, what it said when it was up, and clients of its operator API."""

    process: subprocess.Popen[bytes]
    ready: Json
    operator: httpx2.Client
    anybody: httpx2.Client

    @property
    def urls(self) -> dict[str, str]:
        """Where everything is."""
        return dict(self.ready["urls"])

    @property
    def state_dir(self) -> Path:
        """The private folder."""
        return Path(self.ready["state_dir"])

    def operate(self, method: str, path: str, body: object = None, **query: str) -> tuple[int, Json]:
        """Ask the operator API and return the status and content of its answer."""
        answer = self.operator.request(method, f"/operator{path}", json=body, params=query)
        return answer.status_code, dict(answer.json())

    def get(self, path: str) -> Json:
        """Return the answer to a GET of the operator API, which must be a good one."""
        status, content = self.operate("GET", path)
        assert status == 200
        return content

    def switch(self, name: str) -> Json:
        """Return how a switch stands."""
        return self.get(f"/switches/{name}")

    def flip(self, name: str, value: str) -> Json:
        """Flip a switch and return how it stands once the value is in effect."""
        status, content = self.operate("PUT", f"/switches/{name}", {"value": value}, wait="1")
        assert status == 200
        return content

    @contextmanager
    def fault(self, name: str) -> Generator[None]:
        """Keep a fault in force during the block."""
        assert self.operate("PUT", f"/faults/{name}")[0] == 200
        try:
            yield
        finally:
            assert self.operate("DELETE", f"/faults/{name}")[0] == 200

    def stimulate(self, worker: str | None = None) -> Json:
        """Have the authority write one event of a worker, and return it."""
        body = {"entity": "codex_worker"} | ({"id": worker} if worker else {})
        return dict(self.operate("POST", "/stimulus", body)[1]["data"])

    def health(self, surface: str) -> Json:
        """Return what a surface says of itself."""
        return dict(self.anybody.get(f"{self.urls[surface]}/healthz").json())

    def pids(self) -> dict[str, int]:
        """Return the process behind every address."""
        return {process["name"]: process["pid"] for process in self.get("/environment")["processes"]}

    def leftovers(self) -> list[str]:
        """Return the commands of all living processes that have to do with this staging, itself excepted."""
        marks = (str(self.state_dir).encode(), f"STAGING_CONFIG={self.state_dir}".encode())
        return [command for pid, command in _processes(marks) if pid != self.process.pid]


def _processes(marks: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if any(mark in command or mark in environment for mark in marks):
            yield int(folder.name), command.replace(b"\0", b" ").decode()


def started(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a staging in a session of its own, with pipes to its standard input and output."""
    return subprocess.Popen(
        [sys.executable, "-m", "drills.staging", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, CANARY: "canary-starter", **(environment or {})},
    )


@contextmanager
def running(*arguments: str) -> Generator[Staging]:
    """Run a staging that ends with the block, if not before."""
    process = started(*arguments)
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            ready = orjson.loads(process.stdout.readline())
            assert ready["ready"] is True, ready
            bearer = {"authorization": f"Bearer {ready['operator_token']}"}
            url = ready["urls"]["console"]
            with (
                httpx2.Client(base_url=url, headers=bearer, trust_env=False, timeout=PATIENCE) as operator,
                httpx2.Client(trust_env=False, timeout=PATIENCE) as anybody,
            ):
                yield Staging(process, ready, operator, anybody)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


Run = Callable[..., AbstractContextManager[Staging]]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="session")
def wait() -> Wait:
    """Return a function that returns once a condition holds, and fails the test if that takes too long."""
    return wait_for


@pytest.fixture(scope="session")
def run() -> Run:
    """Return a function that runs a staging: ``run(*arguments)``."""
    _needs_browser()
    return running


@pytest.fixture(scope="session")
def start_staging() -> Start:
    """Return a function that only starts a staging: ``start_staging(*arguments, environment=None)``."""
    _needs_browser()
    return started


@pytest.fixture(scope="session")
def staging(run: Run) -> Iterator[Staging]:
    """A staging that many tests share. No event happens in it by itself; no test leaves a fault or a lease behind."""
    with run("--with-parent", *PACES) as shared:
        assert shared.operate("PUT", "/settings/simulator_rate", {"value": "0"})[0] == 200
        yield shared


@pytest.fixture(scope="module")
def viewer() -> Iterator[Browser]:
    """A Chromium of the tests' own."""
    choice = chromium.find()
    if choice is None:
        pytest.skip("no browser on this machine")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=choice.executable, args=chromium.launch_arguments())
        yield launched
        launched.close()


def _needs_browser() -> None:
    if chromium.find() is None:
        pytest.skip("the desktop's window needs a browser, and this machine has none")
