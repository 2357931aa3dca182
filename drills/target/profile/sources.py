"""Where a drill gets events from, and from whom it hears what the authority knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from drills.target.fields import Command, Frozen, HeaderFields, HttpUrl, Pointer, Seconds, SecretReference


class StimulusSection(Frozen):
    """What every way to cause an event tells: where in its answer the worker and the sequence number are.

    Without both pointers the next update that the drill hears on the new lane is taken for the event.
    """

    worker: Pointer | None = None
    sequence: Pointer | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.worker is None) != (self.sequence is None):
            raise ValueError("worker and sequence go together: an event is a worker at a sequence number")
        return self


class HttpStimulus(StimulusSection):
    """A request that makes the authority write an event."""

    kind: Literal["http"]
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    url: HttpUrl
    headers: HeaderFields = Field(default={})
    body: JsonValue = None
    timeout_seconds: Seconds = 10.0


class CommandStimulus(StimulusSection):
    """A command that makes the authority write an event; its standard output is JSON where the pointers are given."""

    kind: Literal["command"]
    argv: Command
    environment: tuple[str, ...] = ()
    secrets: dict[str, SecretReference] = Field(default={})
    directory: Path | None = None
    timeout_seconds: Seconds = 30.0


class OrganicStimulus(Frozen):
    """No event can be caused: the drill waits up to ``wait_seconds`` for each that comes by itself."""

    kind: Literal["none"]
    wait_seconds: Seconds = 30.0


StimulusSettings = Annotated[HttpStimulus | CommandStimulus | OrganicStimulus, Field(discriminator="kind")]


class Authority(Frozen):
    """An address that tells what the authority knows of every worker, as JSON.

    ``workers`` leads to the list of them; the three names are those of a worker's fields.
    """

    kind: Literal["http"] = "http"
    url: HttpUrl
    headers: HeaderFields = Field(default={})
    workers: Pointer = ""
    identifier: str = "worker_id"
    sequence: str = "latest_seq"
    status: str = "status"
    timeout_seconds: Seconds = 10.0
