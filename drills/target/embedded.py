"""The embedded staging as a target: starts one, and writes the profile with which it is drilled.

The only module outside ``drills.staging`` that knows it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from drills.errors import StagingFailed
from drills.staging.faults import FAULTS, resolve

START_SECONDS = 30
STOP_SECONDS = 10
#: A rehearsal on a laptop need not wait for the five seconds of the real builds.
LEGACY_POLL_SECONDS = 1.0
CONVEX_POLL_SECONDS = 0.8


class StagingReady(BaseModel):
    """What a staging says when it is up: its addresses and the secrets that open it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    urls: dict[str, str]
    operator_token: SecretStr
    session_secret: SecretStr
    sync_token: SecretStr
    database_url: SecretStr
    state_dir: Path

    def profile_text(self) -> str:
        """Return the target profile of this staging as TOML. Its secrets are named by the files that hold them."""
        template = Template(files("drills.target").joinpath("profiles/embedded.toml").read_text(encoding="utf-8"))
        return template.substitute(
            self.urls,
            state_dir=self.state_dir,
            legacy_poll=LEGACY_POLL_SECONDS,
            convex_poll=CONVEX_POLL_SECONDS,
        )

    def profile_document(self) -> dict[str, object]:
        """Return the same profile, parsed."""
        return tomllib.loads(self.profile_text())


#: Which preconditions, checklist items or gates have been seen to catch each fault; ``nox -s tests`` sees it again.
CAUGHT_BY: dict[str, tuple[str, ...]] = {
    "khala-drop": ("item web", "item mobile", "item desktop", "gate lag-drift"),
    "khala-corrupt": ("item parity-auditor", "item web", "gate parity-mismatch-rate"),
    "khala-lag": ("item web", "item artefacts", "gate lag-drift"),
    "khala-stall": ("item web", "item mobile", "item desktop"),
    "stale-cursor": ("gate stale-cursor-rate",),
    "auditor-silent": ("item parity-auditor",),
    "auditor-unstoppable": ("item parity-auditor",),
    "auditor-blind": ("item parity-auditor", "item rollback"),
    "auditor-skips": ("item parity-auditor",),
    "auditor-lenient": ("item parity-auditor", "item rollback"),
    "stale-ignored": ("item artefacts",),
    "stale-uncounted": ("item artefacts",),
    "replay-late": ("item artefacts",),
    "replay-uncounted": ("item artefacts",),
    "heartbeat-mute": ("item artefacts",),
    "convex-drop": ("precondition dual-publish",),
    "sink-ignored": ("item rollback",),
    "sink-mutes": ("item rollback",),
    "sink-forgets": ("item rollback",),
    "dashboard-short": ("precondition dashboard-available",),
    "flag-ignored-web": ("item web",),
    "flag-ignored-mobile": ("item mobile",),
    "flag-ignored-desktop": ("item desktop",),
    "fallback-broken-web": ("item rollback",),
    "fallback-broken-mobile": ("item rollback",),
    "fallback-broken-desktop": ("item rollback",),
    "khala-lingers-web": ("item rollback",),
    "khala-lingers-mobile": ("item rollback",),
    "khala-lingers-desktop": ("item rollback",),
    "flag-shared": ("item web",),
    "probe-broken": ("item desktop",),
    "convex-boots-anyway": ("item mobile",),
}


class StagingNotReady(BaseModel):
    """What a staging says when it could not start."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: str


class EmbeddedStaging:
    """A staging environment of its own processes, which ends with the process that started it."""

    def __init__(self, *, faults: Sequence[str] = (), browser: Path | None = None) -> None:
        resolve(faults)
        self._command = [sys.executable, "-m", "drills.staging", "--with-parent", *_arguments(faults)]
        self._environment = dict(os.environ) | ({"DRILL_BROWSER": str(browser)} if browser else {})
        self._process: subprocess.Popen[str] | None = None
        self._told = False

    def start(self) -> None:
        """Begin to start the staging."""
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
            start_new_session=True,
        )

    def ready(self) -> StagingReady:
        """Wait until the staging is up, and return where its parts are.

        Raises:
            StagingFailed: it ended, or said that it could not start.
        """
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        return read_ready(line)

    def end(self) -> None:
        """Tell the staging to end, and do not wait for it."""
        if self._process is not None and not self._told:
            self._process.terminate()
            self._told = True

    def stop(self) -> None:
        """End the staging; nothing of it outlives this call."""
        self.end()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def fault_names() -> tuple[str, ...]:
    """Return the names of every fault that can be injected."""
    return tuple(fault.name for fault in FAULTS)


def read_ready(line: str) -> StagingReady:
    """Read the line that a staging prints when it is up, and keep its secrets in private files.

    Raises:
        StagingFailed: the line says that it could not start, or is not what a staging prints.
    """
    try:
        ready = StagingReady.model_validate_json(line)
    except ValidationError:
        raise StagingFailed(f"the embedded staging did not start: {_failure(line)}", remedy="drill doctor") from None
    _write_secret(ready.state_dir / "operator-token", ready.operator_token)
    _write_secret(ready.state_dir / "session-secret", ready.session_secret)
    _write_secret(ready.state_dir / "database-url", ready.database_url)
    return ready


def _failure(line: str) -> str:
    """Return why a staging did not start; never the line itself, in which there may be half of its secrets."""
    try:
        return StagingNotReady.model_validate_json(line).error
    except ValidationError:
        return "it said what no staging says" if line.strip() else "it ended"


class ForegroundStaging:
    """A staging environment in the foreground of a terminal: it ends with Ctrl-C, or when it is terminated."""

    def __init__(self, faults: Sequence[str], profile: Path | None) -> None:
        resolve(faults)
        self._faults = faults
        self._profile = profile

    def run(self, say: Callable[[StagingReady], None]) -> int:
        """Start the staging, write its profile, ``say`` that it is ready, and return how it ended.

        Raises:
            StagingFailed: it did not start.
        """
        command = [sys.executable, "-m", "drills.staging", "--with-parent", *_arguments(self._faults)]
        with subprocess.Popen(  # noqa: S603 - our own module, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            try:
                ready = read_ready(process.stdout.readline() if process.stdout else "")
                if self._profile:
                    self._profile.write_text(ready.profile_text(), encoding="utf-8")
                say(ready)
                return process.wait()
            except KeyboardInterrupt:
                return 0
            finally:
                signal.signal(signal.SIGTERM, previous)
                process.terminate()


def _arguments(faults: Sequence[str]) -> list[str]:
    paces = ["--legacy-poll-seconds", str(LEGACY_POLL_SECONDS), "--convex-poll-seconds", str(CONVEX_POLL_SECONDS)]
    return paces + [word for fault in faults for word in ("--fault", fault)]


def _write_secret(path: Path, secret: SecretStr) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(secret.get_secret_value())
