"""What a surface said and heard on the network since it was opened, and what that proves about its lane.

Only what a proof needs is kept: URLs without their query, the kind of a frame, and which document versions it
carried. Times are Unix seconds on the drill's own clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from drills import phoenix
from drills.errors import FrameInvalid

CHANNEL = "sync:v1"
UPDATE_BATCH = "sync:update_batch"

#: A document or worker, and the version of it that was carried.
Version = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One HTTP request. ``versions`` are the worker versions found in its answer."""

    at: float
    method: str
    url: str
    status: int | None = None
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """One Phoenix frame. ``status`` is the one of a reply, ``versions`` the document versions of an update batch."""

    at: float
    sent: bool
    topic: str
    event: str
    ref: str | None
    status: str | None = None
    versions: tuple[Version, ...] = ()


@dataclass
class Traffic:
    """Everything one surface exchanged since it was opened."""

    opened_at: float
    requests: list[RequestSeen] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    frames: list[FrameSeen] = field(default_factory=list)

    def hear(self, content: str | bytes, *, at: float, sent: bool) -> None:
        """Take note of a message on a Khala socket; one that is no Phoenix frame is kept as such."""
        try:
            frame = phoenix.decode(content)
        except FrameInvalid:
            self.frames.append(FrameSeen(at, sent, "", "not-a-frame", None))
            return
        status = frame.payload.get("status")
        self.frames.append(
            FrameSeen(
                at,
                sent,
                frame.topic,
                frame.event,
                frame.ref,
                status if isinstance(status, str) else None,
                tuple(_document_versions(frame.payload)) if frame.event == UPDATE_BATCH else (),
            )
        )

    def joined(self) -> FrameSeen | None:
        """Return the reply that let the surface into ``sync:v1``."""
        asked = {frame.ref for frame in self.frames if frame.sent and frame.event == phoenix.JOIN}
        return next(
            (
                frame
                for frame in self.frames
                if frame.event == phoenix.REPLY
                and frame.topic == CHANNEL
                and frame.ref in asked
                and frame.status == "ok"
            ),
            None,
        )

    def frame_with(self, doc_key: str, seq: int) -> FrameSeen | None:
        """Return the first received frame that carried ``doc_key`` at ``seq`` or later."""
        return next((frame for frame in self.frames if not frame.sent and _carries(frame.versions, doc_key, seq)), None)

    def requests_to(self, prefix: str, *, since: float = 0.0) -> tuple[RequestSeen, ...]:
        """Return the requests whose URL begins with ``prefix``, made at ``since`` or later."""
        return tuple(request for request in self.requests if request.at >= since and request.url.startswith(prefix))

    def answer_with(self, prefix: str, worker_id: str, seq: int) -> RequestSeen | None:
        """Return the first request to ``prefix`` whose answer held ``worker_id`` at ``seq`` or later."""
        return next((seen for seen in self.requests_to(prefix) if _carries(seen.versions, worker_id, seq)), None)


def without_query(url: str) -> str:
    """Return ``url`` without query, fragment and credentials: where tokens travel."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def worker_versions(body: bytes) -> tuple[Version, ...]:
    """Return every worker id and sequence number found anywhere in a JSON body; nothing where it is not JSON."""
    try:
        return tuple(_worker_versions(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return ()


def _carries(versions: tuple[Version, ...], name: str, seq: int) -> bool:
    return any(found == name and version >= seq for found, version in versions)


def _document_versions(payload: Mapping[str, object]) -> Iterator[Version]:
    updates = payload.get("updates")
    for update in updates if isinstance(updates, list) else ():
        if isinstance(update, dict):
            key, version = update.get("doc_key"), update.get("doc_version")
            if isinstance(key, str) and isinstance(version, int):
                yield key, version


def _worker_versions(value: object) -> Iterator[Version]:
    if isinstance(value, dict):
        name, seq = value.get("worker_id"), value.get("latest_seq")
        if isinstance(name, str) and isinstance(seq, int):
            yield name, seq
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _worker_versions(part)
