"""A child process of the supervisor: started on a socket that outlives it, watched, and ended."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from drills.errors import StagingFailed
from drills.staging.settings import LEASH_VARIABLE, SOCKET_VARIABLE

START_SECONDS = 20.0
STOP_SECONDS = 4.0
LOOK_SECONDS = 0.02
#: A question may wait in the queue of a socket whose process is still on its way.
ANSWER_SECONDS = 1.0
#: How much of a child's last words an error repeats.
LAST_WORDS = 600
_KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH"})
_KEPT_PREFIXES = ("LC_", "COVERAGE_", "OPENBLAS_")


class ProcessState(StrEnum):
    """What is known of a child without asking it."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class Health(BaseModel):
    """What a child says at ``/healthz``. ``value`` is the flag of a surface, as that surface read it at its start."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: str
    pid: int
    started_at: datetime
    value: str | None = None
    window: str | None = None
    cdp_url: str | None = None


def inherited(environment: Mapping[str, str], also: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the little that a child gets to see of the supervisor's own ``environment``."""
    kept = _KEPT | also
    return {name: value for name, value in environment.items() if name in kept or name.startswith(_KEPT_PREFIXES)}


class Child:
    """One process at one address. It can be started again and again, each time with another environment."""

    def __init__(
        self,
        name: str,
        words: tuple[str, ...],
        listener: socket.socket,
        url: str,
        log: Path,
        client: httpx2.AsyncClient,
    ) -> None:
        self.name = name
        self.url = url
        self._words = words
        self._listener = listener
        self._log = log
        self._client = client
        self._process: Process | None = None
        self._ready = False
        self.failure: str | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None when the child was never started or was stopped."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether there is a process at the address; without one a question would wait in the socket's queue."""
        return self._process is not None and self._process.returncode is None

    @property
    def state(self) -> ProcessState:
        """How the child fares."""
        if self.failure is None and self._process is None:
            return ProcessState.STOPPED
        if self.failure is not None or not self.running:
            return ProcessState.FAILED
        return ProcessState.READY if self._ready else ProcessState.STARTING

    async def start(self, environment: Mapping[str, str]) -> Health:
        """Start the process with ``environment`` and return its first word as soon as it is ready.

        Raises:
            StagingFailed: it ended, said that it failed, or was not ready in time; nothing of it is left.
        """
        self.failure = None
        self._process = await self._spawn(environment)
        try:
            async with asyncio.timeout(START_SECONDS):
                health = await self._until_ready(self._process)
        except (TimeoutError, StagingFailed) as error:
            reason = str(error) or f"{self.name} was not ready within {START_SECONDS:g} s"
            await self.stop()
            self.failure = f"{reason}{self._last_words()}"
            raise StagingFailed(self.failure) from None
        self._ready = True
        return health

    async def stop(self) -> None:
        """End the process: politely first, then for good."""
        process, self._process, self._ready = self._process, None, False
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            process.stdin.close()
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def health(self) -> Health | None:
        """Ask the child how it is; None when it gives no answer that can be understood."""
        if not self.running:
            return None
        try:
            answer = await self._client.get(f"{self.url}/healthz", timeout=ANSWER_SECONDS)
            return Health.model_validate_json(answer.content)
        except (httpx2.HTTPError, ValidationError):
            return None

    async def _spawn(self, environment: Mapping[str, str]) -> Process:
        descriptor = self._listener.fileno()
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self._words),
                stdin=PIPE,
                stdout=log,
                stderr=STDOUT,
                pass_fds=(descriptor,),
                env={**environment, SOCKET_VARIABLE: str(descriptor), LEASH_VARIABLE: "1"},
            )
        finally:
            os.close(log)

    async def _until_ready(self, process: Process) -> Health:
        while process.returncode is None:
            health = await self.health()
            # The process before may still have answered; only the new one counts.
            if health and health.pid == process.pid and health.status != "starting":
                if health.status == "ok":
                    return health
                raise StagingFailed(f"{self.name} says that it {health.status}")
            await asyncio.sleep(LOOK_SECONDS)
        raise StagingFailed(f"{self.name} ended with code {process.returncode}")

    def _last_words(self) -> str:
        words = self._log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip()
        return f"; its last words: {words}" if words else ""
