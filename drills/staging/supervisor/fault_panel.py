"""Which faults are in force, wherever they are carried out: the runtime's there, a surface's by starting it again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from drills.errors import StagingFailed
from drills.staging.faults import FAULTS, Component, Fault
from drills.staging.supervisor.client_switch import ClientSwitch
from drills.staging.supervisor.runtime_link import RuntimeLink


class FaultPanel:
    """Injects and clears faults."""

    def __init__(self, clients: Mapping[str, ClientSwitch], runtime: RuntimeLink) -> None:
        self._clients = clients
        self._runtime = runtime

    async def active(self) -> tuple[str, ...]:
        """Return the names of the faults in force, in the order of the list of all faults.

        Raises:
            StagingFailed: the runtime does not say.
        """
        names = {*await self._runtime.active_faults(), *(name for one in self._clients.values() for name in one.faults)}
        return tuple(fault.name for fault in FAULTS if fault.name in names)

    async def inject(self, faults: Iterable[Fault]) -> None:
        """Put ``faults`` in force, besides those that are.

        Raises:
            StagingFailed: the runtime refused one, or a surface did not come back.
        """
        await self._change(faults, "PUT")

    async def clear(self, faults: Iterable[Fault]) -> None:
        """End ``faults``; it is no error when one was not in force.

        Raises:
            StagingFailed: the runtime refused one, or a surface did not come back.
        """
        await self._change(faults, "DELETE")

    async def _change(self, faults: Iterable[Fault], method: str) -> None:
        by_surface: dict[str, set[str]] = defaultdict(set)
        for fault in faults:
            if fault.component is Component.RUNTIME or fault.surface is None:
                await self._tell_runtime(method, fault)
            else:
                by_surface[fault.surface].add(fault.name)
        restarts = [self._restart(self._clients[name], names, method) for name, names in by_surface.items()]
        await asyncio.gather(*restarts)

    def _restart(self, client: ClientSwitch, names: set[str], method: str) -> asyncio.Task[None]:
        return client.inject(client.faults | names if method == "PUT" else client.faults - names)

    async def _tell_runtime(self, method: str, fault: Fault) -> None:
        answer = await self._runtime.forward(method, f"/faults/{fault.name}")
        if not answer.ok:
            raise StagingFailed(f"the runtime refused the fault {fault.name} ({answer.status})")
