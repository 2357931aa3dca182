"""A client of the drill's own on the new lane, which hears every update of the topic that is watched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from drills.target.khala.client import BEAT_SECONDS, FAILURES, KhalaClient
from drills.target.ports import Stimulus

AGAIN_SECONDS, LEAVE_SECONDS = 1.0, 5.0
#: More than a drill can use; the oldest are forgotten.
MOST_KEPT = 10_000


class Listener:
    """Hears updates of ``topic`` from entering to leaving, in a thread of its own; it comes back when it is cut off.

    What was in the lane before is replayed first and not counted: only what is above the watermark at which the
    subscription began is heard.
    """

    def __init__(self, socket_url: str, topic: str, document_prefix: str, token: Callable[[], str]) -> None:
        self._url = socket_url
        self._topic = topic
        self._prefix = document_prefix
        self._token = token
        self._heard: list[Stimulus] = []
        self._dropped = 0
        self._head: int | None = None
        self._trouble = ""
        self._lock = threading.Lock()
        self._stop: Callable[[], object] = lambda: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="listener", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._stop()
        self._thread.join(timeout=LEAVE_SECONDS)

    @property
    def trouble(self) -> str:
        """Why nothing is heard at the moment; nothing when it listens."""
        return "" if self._head is not None else self._trouble or "it is not connected yet"

    def count(self) -> int:
        """Return how many updates were heard so far."""
        with self._lock:
            return self._dropped + len(self._heard)

    def heard_after(self, count: int) -> Stimulus | None:
        """Return the first update heard after ``count`` others, None while there is none."""
        with self._lock:
            at = max(count - self._dropped, 0)
            return self._heard[at] if at < len(self._heard) else None

    async def _run(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run runs a task
        self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            while not self._stopping.is_set():
                await self._visit_once()
        except asyncio.CancelledError:
            return

    async def _visit_once(self) -> None:
        try:
            await self._visit()
        except FAILURES as error:
            self._trouble = f"{type(error).__name__}: {error}".split("?token=")[0]
        finally:
            self._head = None
        await asyncio.sleep(AGAIN_SECONDS)

    async def _visit(self) -> None:
        token = await asyncio.to_thread(self._token)
        async with KhalaClient.joined(self._url, token, self._topic) as client:
            self._head = (await client.subscribe(None)).head or 0
            while True:
                await self._listen(client, self._head)
                await client.ask("sync:heartbeat", {})

    async def _listen(self, client: KhalaClient, head: int) -> None:
        """Hear updates until a heartbeat is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT_SECONDS):
                async for batch in client.batches():
                    self._keep([update for update in batch.updates if _mark(update) > head])

    def _keep(self, updates: list[dict[str, object]]) -> None:
        found = [self._read(update) for update in updates]
        with self._lock:
            self._heard += [update for update in found if update is not None]
            self._dropped += max(len(self._heard) - MOST_KEPT, 0)
            del self._heard[:-MOST_KEPT]

    def _read(self, update: dict[str, object]) -> Stimulus | None:
        key, version = update.get("doc_key"), update.get("doc_version")
        if not isinstance(key, str) or not isinstance(version, int) or not key.startswith(self._prefix):
            return None
        payload = update.get("payload")
        status = payload.get("status") if isinstance(payload, dict) else None
        return Stimulus(
            worker_id=key.removeprefix(self._prefix),
            doc_key=key,
            seq=version,
            status=status if isinstance(status, str) else "",
            occurred_at=datetime.now(UTC),
        )


def _mark(update: Mapping[str, object]) -> int:
    mark = update.get("watermark")
    return mark if isinstance(mark, int) else 0
