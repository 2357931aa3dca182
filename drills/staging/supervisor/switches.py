"""What a switch is, as the operator API shows it, and the two that are settings of the runtime."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import orjson

from drills.errors import StagingFailed, SwitchFailed
from drills.staging.settings import Frozen
from drills.staging.supervisor.runtime_link import RuntimeLink
from drills.staging.surfaces.table import OFF, ON


class SwitchState(StrEnum):
    """Whether a switch can be read and flipped now."""

    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"


class SwitchView(Frozen):
    """A switch as the operator API shows it. ``value`` is what is in effect, None while or when nobody can tell.

    ``choices`` are its values, the one that puts Khala (or the auditor) to work first; ``pid``, ``since`` and ``url``
    are those of the process behind a client switch, ``detail`` says what went wrong with it.
    """

    id: str
    kind: str
    key: str
    title: str
    value: str | None
    state: SwitchState
    choices: tuple[str, str]
    url: str | None = None
    pid: int | None = None
    since: datetime | None = None
    detail: str | None = None


class Switch(Protocol):
    """Something that can be flipped."""

    @property
    def id(self) -> str:
        """Its id in the runbook."""

    async def view(self) -> SwitchView:
        """Return how it stands."""

    def ask(self, value: str) -> asyncio.Task[None]:
        """Begin to flip to ``value``; the switch is busy from this moment until the task ends.

        Raises:
            SwitchFailed: it does not take this value; the task raises StagingFailed when the flip does not succeed.
        """


class RuntimeSwitch:
    """A setting of the runtime with two values."""

    def __init__(self, switch_id: str, key: str, title: str, choices: tuple[str, str], runtime: RuntimeLink) -> None:
        self.id = switch_id
        self._key = key
        self._title = title
        self._choices = choices
        self._runtime = runtime
        self._pending = 0

    async def view(self) -> SwitchView:
        """Return the value that the runtime says is in effect."""
        if self._pending:
            return self._shown(SwitchState.BUSY)
        try:
            return self._shown(SwitchState.READY, value=(await self._runtime.settings()).get(self._key))
        except StagingFailed as error:
            return self._shown(SwitchState.FAILED, detail=error.message)

    def ask(self, value: str) -> asyncio.Task[None]:
        """Begin to put ``value`` into effect.

        Raises:
            SwitchFailed: the setting does not take this value.
        """
        if value not in self._choices:
            raise SwitchFailed(f"{self._key} is {' or '.join(self._choices)}, not {value!r}")
        self._pending += 1
        return asyncio.create_task(self._put(value), name=f"set-{self.id}")

    async def _put(self, value: str) -> None:
        try:
            answer = await self._runtime.forward("PUT", f"/settings/{self._key}", orjson.dumps({"value": value}))
        finally:
            self._pending -= 1
        if not answer.ok:
            raise StagingFailed(f"the runtime refused {self._key}={value} ({answer.status})")

    def _shown(self, state: SwitchState, value: str | None = None, detail: str | None = None) -> SwitchView:
        facts = {"id": self.id, "kind": "runtime", "key": self._key, "title": self._title, "choices": self._choices}
        return SwitchView.model_validate({**facts, "state": state, "value": value, "detail": detail})


def runtime_switches(runtime: RuntimeLink) -> tuple[RuntimeSwitch, RuntimeSwitch]:
    """Return the switches that the runtime holds."""
    return (
        RuntimeSwitch("sink-path", "sink_path", "Sink path", ("dual", "convex-only"), runtime),
        RuntimeSwitch("parity-auditor", "khala_sync_parity_enabled", "Parity auditor", (ON, OFF), runtime),
    )
