"""A client of the drill's own on the new lane, which hears every update of the topic that is watched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import websockets
from websockets.asyncio.client import connect

from drills import phoenix
from drills.errors import FrameInvalid, TargetUnreachable
from drills.target.ports import Stimulus
from drills.target.traffic import CHANNEL, UPDATE_BATCH

OPEN_SECONDS, BEAT_SECONDS, AGAIN_SECONDS, LEAVE_SECONDS = 5.0, 15.0, 1.0, 5.0
#: More than a drill can use; the oldest are forgotten.
MOST_KEPT = 10_000


class Ear:
    """Hears updates of ``topic`` from entering to leaving, in a thread of its own; it comes back when it is cut off.

    What was in the lane before is replayed first and not counted: only what is above the watermark at which the
    subscription began is heard.
    """

    def __init__(self, socket_url: str, topic: str, document_prefix: str, token: Callable[[], str]) -> None:
        self._url = f"{socket_url}?vsn={phoenix.SERIALIZER_VERSION}"
        self._topic = topic
        self._prefix = document_prefix
        self._token = token
        self._heard: list[Stimulus] = []
        self._dropped = 0
        self._head: int | None = None
        self._early: list[dict[str, object]] = []
        self._trouble = ""
        self._lock = threading.Lock()
        self._stop: Callable[[], object] = lambda: None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="ear", daemon=True)

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
        except (OSError, TimeoutError, websockets.WebSocketException, FrameInvalid, TargetUnreachable) as error:
            self._trouble = f"{type(error).__name__}: {error}".split("?token=")[0]
        finally:
            self._head, self._early = None, []
        await asyncio.sleep(AGAIN_SECONDS)

    async def _visit(self) -> None:
        token = await asyncio.to_thread(self._token)
        async with connect(f"{self._url}&token={token}", proxy=None, open_timeout=OPEN_SECONDS) as socket:
            await socket.send(phoenix.Frame("1", "1", CHANNEL, phoenix.JOIN, {}).encode())
            asked = {"topics": [self._topic], "resume_after": {}}
            await socket.send(phoenix.Frame("1", "2", CHANNEL, "sync:subscribe", asked).encode())
            while True:
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        self._take(phoenix.decode(await socket.recv()))
                except TimeoutError:
                    await socket.send(phoenix.Frame(None, "3", "phoenix", phoenix.HEARTBEAT, {}).encode())

    def _take(self, frame: phoenix.Frame) -> None:
        if frame.event == phoenix.REPLY and frame.ref in {"1", "2"}:
            if frame.payload.get("status") != "ok":
                raise TargetUnreachable(f"the channel refuses: {frame.payload.get('response')}")
            if frame.ref == "2":
                self._head = _watermark(frame.payload.get("response"), self._topic)
                early, self._early = self._early, []
                self._keep(early)
        elif frame.event == UPDATE_BATCH:
            self._keep(_updates(frame.payload))

    def _keep(self, updates: list[dict[str, object]]) -> None:
        if self._head is None:
            self._early += updates
            return
        found = [self._read(update) for update in updates if _mark(update) > self._head]
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


def _updates(payload: Mapping[str, object]) -> list[dict[str, object]]:
    updates = payload.get("updates")
    return [update for update in updates if isinstance(update, dict)] if isinstance(updates, list) else []


def _mark(update: Mapping[str, object]) -> int:
    mark = update.get("watermark")
    return mark if isinstance(mark, int) else 0


def _watermark(response: object, topic: str) -> int:
    """Return the watermark of ``topic`` in the answer to a subscription; 0 where it is not told."""
    marks = response.get("current_watermarks") if isinstance(response, dict) else None
    found = (
        [_mark(mark) for mark in marks if isinstance(mark, dict) and mark.get("topic") == topic]
        if isinstance(marks, list)
        else []
    )
    return max(found, default=0)
