"""What a client asks for when it subscribes, and what it is sent: pure shapes of the ``sync:v1`` channel."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from drills.staging.sinks import JournalRow
from drills.staging.stream import Bounds

MAXIMUM_UPDATES = 200
MAXIMUM_BATCH_BYTES = 2 * 1024 * 1024

Watermark = Annotated[int, Field(ge=0, strict=True)]


class BadSubscriptionError(ValueError):
    """The request is not one; the message says what is wrong with it."""


class _Record(BaseModel):
    # Unknown keys are let be: newer clients may say more.
    model_config = ConfigDict(frozen=True)


class Topics(_Record):
    """The payload of ``sync:unsubscribe``."""

    topics: Annotated[tuple[str, ...], Field(min_length=1)]


class Subscribe(Topics):
    """The payload of ``sync:subscribe``. A topic that ``resume_after`` does not name starts at its head."""

    resume_after: Mapping[str, Watermark] = {}
    replay_batch_size: Annotated[int, Field(ge=1, strict=True)] = MAXIMUM_UPDATES

    @field_validator("resume_after", mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        if not isinstance(value, list):
            return {} if value is None else value
        if not all(isinstance(mark, dict) and {"topic", "watermark"} <= mark.keys() for mark in value):
            raise ValueError("each entry of the list is {topic, watermark}")
        return {mark["topic"]: mark["watermark"] for mark in value}

    @property
    def batch(self) -> int:
        """How many updates the client wants in a batch, at most 200."""
        return min(self.replay_batch_size, MAXIMUM_UPDATES)


def read_subscribe(payload: Mapping[str, object]) -> Subscribe:
    """Return the request in ``payload``.

    Raises:
        BadSubscriptionError: it holds none.
    """
    try:
        return Subscribe.model_validate(payload)
    except ValidationError as error:
        raise BadSubscriptionError(_first(error)) from None


def read_unsubscribe(payload: Mapping[str, object]) -> tuple[str, ...]:
    """Return the topics in ``payload``.

    Raises:
        BadSubscriptionError: it holds none.
    """
    try:
        return Topics.model_validate(payload).topics
    except ValidationError as error:
        raise BadSubscriptionError(_first(error)) from None


@dataclass(frozen=True, slots=True)
class StaleTopic:
    """A topic whose cursor cannot be resumed from: rows between it and the floor are gone."""

    topic: str
    resume_after: int
    retention_floor: int


def stale_topics(resume_after: Mapping[str, int], bounds: Mapping[str, Bounds]) -> tuple[StaleTopic, ...]:
    """Return the topics whose cursor is below the retention floor, or from a history that this stream is not.

    A cursor above the head was handed out by another database; resuming from it would silently skip documents.
    """
    return tuple(
        StaleTopic(topic, cursor, bounds[topic].floor)
        for topic, cursor in resume_after.items()
        if topic in bounds and not bounds[topic].floor <= cursor <= bounds[topic].head
    )


def stale_cursor(topics: Iterable[StaleTopic]) -> dict[str, object]:
    """Return the error that tells a client to start over."""
    return {
        "code": "stale_cursor",
        "message": "the cursor cannot be resumed from; load the documents over HTTP and subscribe without it",
        "full_resync_required": True,
        "stale_topics": [
            {"topic": stale.topic, "resume_after": stale.resume_after, "retention_floor": stale.retention_floor}
            for stale in topics
        ],
    }


def watermarks(heads: Mapping[str, int]) -> list[dict[str, object]]:
    """Return watermarks as they are on the wire."""
    return [{"topic": topic, "watermark": watermark} for topic, watermark in heads.items()]


def cut(rows: Sequence[JournalRow], maximum_bytes: int = MAXIMUM_BATCH_BYTES) -> Sequence[JournalRow]:
    """Return the first of ``rows`` that fit into one batch; always at least one, if there is one."""
    total = 0
    for index, row in enumerate(rows):
        total += len(row.payload or b"")
        if index and total > maximum_bytes:
            return rows[:index]
    return rows


def update_batch(rows: Iterable[JournalRow], heads: Mapping[str, int], *, complete: bool) -> dict[str, object]:
    """Return the payload of ``sync:update_batch``."""
    return {
        "updates": [_update(row) for row in rows],
        "replay_complete": complete,
        "head_watermarks": watermarks(heads),
    }


def _update(row: JournalRow) -> dict[str, object]:
    return {
        "topic": row.topic,
        "doc_key": row.doc_key,
        "doc_version": row.doc_version,
        "payload": None if row.payload is None else orjson.Fragment(row.payload),
        "payload_hash": base64.b64encode(bytes.fromhex(row.payload_hash.removeprefix("sha256:"))).decode(),
        "watermark": row.watermark,
        "hydration_required": row.payload is None,
    }


def _first(error: ValidationError) -> str:
    mistake = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"
