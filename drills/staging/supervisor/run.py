"""One life of a staging: prepare, start, say so, wait for the end, stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from drills.clock import SYSTEM_CLOCK
from drills.errors import DrillError
from drills.staging.documents import TOPICS
from drills.staging.faults import Fault, resolve
from drills.staging.supervisor.api import OperatorApi
from drills.staging.supervisor.launch import Launch, Options, prepare
from drills.staging.supervisor.ready import failed_line, ready_line
from drills.staging.supervisor.supervisor import Supervisor

#: How long open requests may hold up the end of the supervisor's own server.
GRACE_SECONDS = 1


async def run(options: Options) -> int:
    """Run a staging until SIGTERM, SIGINT or (``with_parent``) the end of standard input; return the exit code.

    One line of JSON on standard output says that it is up, or why it is not.
    """
    end = _end_asked_for(with_parent=options.with_parent)
    try:
        faults = resolve(options.faults)
        launch = prepare(options, os.environ)
    except DrillError as error:
        return _failed(error)
    try:
        supervisor = Supervisor(launch, SYSTEM_CLOCK)
        async with _served(supervisor, launch):
            return await _live(supervisor, faults, end)
    finally:
        launch.clean_up()


async def _live(supervisor: Supervisor, faults: tuple[Fault, ...], end: asyncio.Event) -> int:
    start = asyncio.create_task(supervisor.start(faults))
    ended = asyncio.create_task(end.wait())
    try:
        await asyncio.wait({start, ended}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            await start
            _say(ready_line(supervisor.config, await supervisor.runtime.mint(TOPICS)))
            await ended
    except DrillError as error:
        return _failed(error)
    finally:
        for task in (start, ended):
            task.cancel()
        await asyncio.gather(start, ended, return_exceptions=True)
        await supervisor.stop()
    return 0


class _Server(uvicorn.Server):
    """A server that leaves signals to the one who runs it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def _served(supervisor: Supervisor, launch: Launch) -> AsyncIterator[None]:
    app = OperatorApi(supervisor).app()
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE_SECONDS
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[launch.listeners["supervisor"]]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _end_asked_for(*, with_parent: bool) -> asyncio.Event:
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if with_parent:
        threading.Thread(target=_wait_for_parent, args=(loop, end), name="parent", daemon=True).start()
    return end


def _wait_for_parent(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(end.set)


def _failed(error: DrillError) -> int:
    _say(failed_line(str(error)))
    return 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
