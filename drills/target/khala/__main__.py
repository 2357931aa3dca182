"""The process in which a cohort lives: ``python -m drills.target.khala``.

Its first line of input is the task, every further one a new token, and it ends when its input does, however that comes
about. What is measured goes out line by line. A process of its own, because two hundred clients beside the browser's
event loop would slow down what they are there to load.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from drills.target.khala.herd import Failed, Herd, Measured, Task


async def serve() -> None:
    """Do what the input asks, until it ends."""
    task = Task.model_validate_json(await asyncio.to_thread(sys.stdin.readline))
    herd = Herd(task, (await asyncio.to_thread(sys.stdin.readline)).strip(), _print)
    running, loop = asyncio.create_task(herd.run()), asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin:
            herd.token = line.strip()
        loop.call_soon_threadsafe(running.cancel)

    threading.Thread(target=listen, daemon=True).start()
    try:
        await running
    except asyncio.CancelledError:
        return


def _print(line: Measured | Failed) -> None:
    sys.stdout.write(line.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
