"""The flag of a surface: a switch that is flipped by starting the surface's process with another environment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import Final

from drills.errors import SwitchFailed
from drills.staging.faults import FLAG_SHARED
from drills.staging.settings import CONFIG_VARIABLE, FAULTS_VARIABLE
from drills.staging.supervisor.children import Child, Health, ProcessState, inherited
from drills.staging.supervisor.switches import SwitchState, SwitchView
from drills.staging.surfaces.table import OFF, ON, Surface
from drills.staging.surfaces.window import HEADED_VARIABLE

#: What the desktop's window needs to be shown on a display.
DISPLAY_VARIABLES: Final = frozenset({"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", HEADED_VARIABLE})


class ClientSwitch:
    """The flag of a surface. Flipping it starts the surface's process again with another environment."""

    def __init__(self, surface: Surface, child: Child, config_path: str) -> None:
        self.surface = surface
        self.child = child
        self.faults: frozenset[str] = frozenset()
        self._config_path = config_path
        self._value = OFF
        self._neighbour: ClientSwitch | None = None
        self._following: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._pending = 0

    @property
    def id(self) -> str:
        """The surface's name."""
        return self.surface.name

    async def view(self) -> SwitchView:
        """Return the value that the live process read at its start, never the one that was meant."""
        health = None if self._pending else await self.child.health()
        if self._pending:
            return self._shown(SwitchState.BUSY)
        if health is None or health.status != "ok" or health.pid != self.child.pid:
            return self._shown(SwitchState.FAILED, detail=self.child.failure or f"{self.id} ended by itself")
        return self._shown(SwitchState.READY, health)

    def ask(self, value: str) -> asyncio.Task[None]:
        """Begin to flip to ``value``. Flips of one surface wait for each other; those of several run side by side.

        Raises:
            SwitchFailed: the value is neither ``true`` nor ``false``.
        """
        if value not in {ON, OFF}:
            raise SwitchFailed(f"{self.surface.flag} is {ON} or {OFF}, not {value!r}")
        if self._neighbour and FLAG_SHARED.name in self.faults:
            self._following = self._neighbour.ask(value)
        return self._begin(value=value)

    def share_with(self, neighbour: ClientSwitch) -> None:
        """Say which flag is flipped with this one while the fault ``flag-shared`` is in force."""
        self._neighbour = neighbour

    def inject(self, faults: Collection[str]) -> asyncio.Task[None]:
        """Begin to start the surface again with exactly these faults."""
        return self._begin(faults=frozenset(faults))

    def environment(self) -> Mapping[str, str]:
        """Return the environment in which the surface's next process starts."""
        also = DISPLAY_VARIABLES if self.surface.windowed else frozenset[str]()
        return {
            **inherited(os.environ, also),
            CONFIG_VARIABLE: self._config_path,
            FAULTS_VARIABLE: ",".join(sorted(self.faults)),
            self.surface.flag: self._value,
        }

    def _begin(self, value: str | None = None, faults: frozenset[str] | None = None) -> asyncio.Task[None]:
        self._pending += 1
        return asyncio.create_task(self._restart(value, faults), name=f"restart-{self.id}")

    async def _restart(self, value: str | None, faults: frozenset[str] | None) -> None:
        try:
            async with self._turn:
                wanted = (self._value if value is None else value, self.faults if faults is None else faults)
                if wanted == (self._value, self.faults) and await self._in_order():
                    return
                self._value, self.faults = wanted
                await self.child.stop()
                await self.child.start(self.environment())
        finally:
            self._pending -= 1

    async def _in_order(self) -> bool:
        if self.child.state is not ProcessState.READY:
            return False
        health = await self.child.health()
        return health is not None and health.status == "ok"

    def _shown(self, state: SwitchState, health: Health | None = None, detail: str | None = None) -> SwitchView:
        return SwitchView(
            id=self.id,
            kind="client",
            key=self.surface.flag,
            title=self.surface.title,
            value=health.value if health else None,
            state=state,
            choices=(ON, OFF),
            url=self.child.url,
            pid=health.pid if health else None,
            since=health.started_at if health else None,
            detail=detail,
        )
