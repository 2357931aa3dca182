"""Programs of the staging: started on loopback, waited for, and ended with their whole group."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

LOOPBACK = "127.0.0.1"
START_SECONDS, STOP_SECONDS, LOOK_SECONDS = 60.0, 10.0, 0.02
#: What a program sees of the environment that the test runs in.
PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


class NotReadyError(AssertionError):
    """A program ended early or did not become ready; the message holds its last words."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def passed(also: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program: the little that all need, and ``also``."""
    return {name: os.environ[name] for name in PASSED if name in os.environ} | dict(also)


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Generator[None]:
    """Run ``command`` until the block ends; it begins when the program is ``ready``.

    Raises:
        NotReadyError: it ended before, or was not ready in time.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd="/", user=user, process_group=0,
            env=passed(environment or {}),
        )  # fmt: skip
    try:
        _wait(process, ready, log)
        yield
    finally:
        _end(process, stop)


def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered with success."""
    try:
        return httpx2.get(url, timeout=2, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def program(name: str, *folders: str) -> str:
    """Return the path of a program on the PATH or in one of ``folders``.

    Raises:
        FileNotFoundError: it is not installed.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    if found := shutil.which(name, path=path):
        return found
    raise FileNotFoundError(f"{name} is not installed")


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise NotReadyError(f"{log.stem} did not become ready (code {process.poll()}): {words}")
        time.sleep(LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
