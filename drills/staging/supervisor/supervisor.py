"""The staging as a whole: its processes, its switches, its faults, and its lease."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress

import httpx2

from drills.clock import Clock
from drills.errors import StagingFailed, SwitchFailed
from drills.staging.faults import Component, Fault
from drills.staging.settings import CONFIG_VARIABLE, FAULTS_VARIABLE
from drills.staging.supervisor.children import Child, inherited
from drills.staging.supervisor.client_switch import ClientSwitch
from drills.staging.supervisor.fault_panel import FaultPanel
from drills.staging.supervisor.launch import Launch, address
from drills.staging.supervisor.lease import Lease, LeaseDesk
from drills.staging.supervisor.runtime_link import RuntimeLink
from drills.staging.supervisor.switches import Switch, runtime_switches
from drills.staging.surfaces.table import SURFACES

_log = logging.getLogger(__name__)


class Supervisor:
    """Starts the processes of one launch, looks after them, and ends them."""

    def __init__(self, launch: Launch, clock: Clock) -> None:
        self.config = launch.config
        self.desk = LeaseDesk(clock)
        self.started_at = clock.now()
        self._launch = launch
        self._client = httpx2.AsyncClient(trust_env=False)
        self._backends = {name: self._child(name, f"drills.staging.{name}") for name in ("runtime", "convex")}
        self.runtime = RuntimeLink(self.config, self._backends["runtime"], self._client)
        self._clients = {
            name: ClientSwitch(surface, self._child(name, "drills.staging.surfaces", name), str(launch.config_path))
            for name, surface in SURFACES.items()
        }
        self._clients["web"].share_with(self._clients["mobile"])
        switches: tuple[Switch, ...] = (*self._clients.values(), *runtime_switches(self.runtime))
        self.switches = {switch.id: switch for switch in switches}
        self.faults = FaultPanel(self._clients, self.runtime)
        self._lease_changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, faults: tuple[Fault, ...] = ()) -> None:
        """Start every process with every flag off and ``faults`` in force, and return when all are ready.

        Raises:
            StagingFailed: one of them did not start.
        """
        for fault in faults:
            if fault.component is Component.SURFACE and fault.surface:
                self._clients[fault.surface].faults |= {fault.name}
        environment = {
            **inherited(os.environ),
            CONFIG_VARIABLE: str(self._launch.config_path),
            FAULTS_VARIABLE: ",".join(fault.name for fault in faults if fault.component is Component.RUNTIME),
        }
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._start_backends(environment))
                for client in self._clients.values():
                    group.create_task(client.child.start(client.environment()))
        except* StagingFailed as failures:
            raise StagingFailed("; ".join(str(failure) for failure in failures.exceptions)) from None
        self.keep(asyncio.create_task(self._watch_lease(), name="lease"))

    async def stop(self) -> None:
        """End every process: first those that look, then those that are looked at."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.child.stop() for client in self._clients.values()))
        for backend in reversed(self._backends.values()):
            await backend.stop()
        await self._client.aclose()

    def children(self) -> tuple[Child, ...]:
        """Return every child, in the order of starting."""
        return (*self._backends.values(), *(client.child for client in self._clients.values()))

    def keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Keep a task that nobody waits for until it ends; its failure goes to the log."""
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def lease_changed(self) -> None:
        """Say that a lease was taken, renewed or released."""
        self._lease_changed.set()

    async def _start_backends(self, environment: Mapping[str, str]) -> None:
        # One after the other: the runtime makes the tables that the Convex lane reads.
        for backend in self._backends.values():
            await backend.start(environment)

    async def _watch_lease(self) -> None:
        while True:
            self._lease_changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.desk.seconds_left()):
                    await self._lease_changed.wait()
            lease = self.desk.current
            if lease is not None and self.desk.seconds_left() == 0:
                await self._put_back(lease)
                self.desk.end(lease)

    async def _put_back(self, lease: Lease) -> None:
        _log.warning("the lease of drill %s ran out: putting back %s", lease.drill_id, dict(lease.baseline))
        known = [(self.switches[name], value) for name, value in lease.baseline.items() if name in self.switches]
        await asyncio.gather(*(self._set_back(switch, value) for switch, value in known))

    async def _set_back(self, switch: Switch, value: str) -> None:
        if (await switch.view()).value == value:
            return
        try:
            await switch.ask(value)
        except (StagingFailed, SwitchFailed):
            _log.exception("%s could not be put back to %s", switch.id, value)

    def _child(self, name: str, *words: str) -> Child:
        listener = self._launch.listeners[name]
        log = self.config.state_dir / f"{name}.log"
        return Child(name, words, listener, address(listener), log, self._client)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("%s: %s", task.get_name(), error)
