"""The operator API of a target: events on request, what the authority knows, what both lanes hold."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx2
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from drills.errors import TargetUnreachable
from drills.target.ports import Stimulus

TIMEOUT_SECONDS = 10.0


class Answer(BaseModel):
    """An answer of the API: only the fields that are used are read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class EventWritten(Answer):
    """The authority event that was asked for."""

    id: str
    doc_key: str
    seq: int
    status: str
    occurred_at: float


class EntityState(Answer):
    """What the authority knows of one entity."""

    seq: int
    status: str | None = None


class Checkpoint(Answer):
    """What the legacy lane holds of one document."""

    seq: int
    summary_hash: str


class ReadModel(Answer):
    """What Khala holds of one document."""

    doc_version: int
    summary_hash: str


class ParityState(Answer):
    """Both lanes, document by document."""

    checkpoints: dict[str, Checkpoint]
    read_models: dict[str, ReadModel]


class SwitchState(Answer):
    """One switch as the operator API lists it."""

    id: str
    key: str
    value: str | None = None


#: The kind of entity that surfaces show.
WORKERS = "codex_worker"
AUTHORITY = TypeAdapter(dict[str, dict[str, EntityState]])


class OperatorClient:
    """Speaks to the operator API with the operator's token."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def write_event(self, worker_id: str | None = None) -> Stimulus:
        """Have the authority write one event of a worker; ``occurred_at`` is the drill's clock before it was asked.

        Raises:
            TargetUnreachable: the API does not answer, or refuses.
        """
        asked_at = datetime.now(UTC)
        body = {"entity": "codex_worker"} | ({"id": worker_id} if worker_id else {})
        event = EventWritten.model_validate(self._data("POST", "/stimulus", body))
        return Stimulus(
            worker_id=event.id, doc_key=event.doc_key, seq=event.seq, status=event.status, occurred_at=asked_at
        )

    def authority(self) -> dict[str, dict[str, EntityState]]:
        """Return, by kind and id, the newest sequence number of every entity."""
        return AUTHORITY.validate_python(self._data("GET", "/authority"))

    def parity(self) -> ParityState:
        """Return what both lanes hold of every document."""
        return ParityState.model_validate(self._data("GET", "/parity"))

    def switches(self) -> tuple[SwitchState, ...]:
        """Return every switch with the value that is in effect."""
        answer = self._answer("GET", "/switches")
        listed = answer.get("switches") if isinstance(answer, dict) else None
        return tuple(SwitchState.model_validate(switch) for switch in listed or ())

    def lease(self, method: str, body: object, token: int | None = None) -> tuple[int, object]:
        """Ask for, renew or give back the target's lease; return the status code and the answer.

        Raises:
            TargetUnreachable: the API does not answer, or answers with an error of its own.
        """
        parameters = {} if token is None else {"token": token}
        try:
            answer = self._client.request(method, "/lease", json=body, params=parameters)
            content: object = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise TargetUnreachable(f"operator API, {method} /lease: {error}", remedy="drill doctor") from None
        if answer.is_server_error:
            raise TargetUnreachable(f"operator API, {method} /lease: {answer.status_code}", remedy="drill doctor")
        return answer.status_code, content

    def _data(self, method: str, path: str, body: object = None) -> object:
        answer = self._answer(method, path, body)
        return answer.get("data") if isinstance(answer, dict) else None

    def _answer(self, method: str, path: str, body: object = None) -> object:
        try:
            answer = self._client.request(method, path, json=body)
            answer.raise_for_status()
            content: object = answer.json()
        except (httpx2.HTTPError, ValueError, ValidationError) as error:
            raise TargetUnreachable(f"operator API, {method} {path}: {error}", remedy="drill doctor") from None
        return content
