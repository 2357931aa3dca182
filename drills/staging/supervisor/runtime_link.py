"""The supervisor's line to the runtime's operator API, with the operator's token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from drills.errors import StagingFailed
from drills.staging.settings import StagingConfig
from drills.staging.supervisor.children import Child

ANSWER_SECONDS = 10.0


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Kind = TypeVar("Kind", bound=_Said)


class _Scopes(_Said):
    scopes: tuple[str, ...]


class _Settings(_Said):
    data: dict[str, str]


class _Faults(_Said):
    active: tuple[str, ...]


class _Grant(_Said):
    token: SecretStr


class _Granted(_Said):
    data: _Grant


@dataclass(frozen=True, slots=True)
class Forwarded:
    """An answer of the runtime, as it was given."""

    status: int
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the runtime did what it was asked."""
        return self.status < httpx2.codes.BAD_REQUEST


class RuntimeLink:
    """Speaks to the runtime of one staging."""

    def __init__(self, config: StagingConfig, process: Child, client: httpx2.AsyncClient) -> None:
        self._url = config.runtime_url
        self._operator = config.operator_token
        self._session = config.session_secret
        self._process = process
        self._client = client

    async def forward(self, method: str, path: str, content: bytes = b"") -> Forwarded:
        """Pass a request on to the runtime's ``/operator`` and return its answer.

        Raises:
            StagingFailed: the runtime does not answer.
        """
        return await self._ask(method, f"/operator{path}", self._operator, content)

    async def settings(self) -> dict[str, str]:
        """Return every runtime setting in effect.

        Raises:
            StagingFailed: the runtime does not answer, or not with settings.
        """
        return self._read(_Settings, await self.forward("GET", "/settings")).data

    async def active_faults(self) -> tuple[str, ...]:
        """Return the names of the faults that the runtime carries out.

        Raises:
            StagingFailed: the runtime does not answer, or not with faults.
        """
        return self._read(_Faults, await self.forward("GET", "/faults")).active

    async def mint(self, topics: Sequence[str]) -> SecretStr:
        """Return a sync token for ``topics``.

        Raises:
            StagingFailed: none was given.
        """
        content = _Scopes(scopes=tuple(topics)).model_dump_json().encode()
        return self._read(_Granted, await self._ask("POST", "/api/sync/token", self._session, content)).data.token

    async def _ask(self, method: str, path: str, secret: SecretStr, content: bytes) -> Forwarded:
        if not self._process.running:
            raise StagingFailed(f"the runtime does not answer {method} {path}: its process has ended")
        headers = {"authorization": f"Bearer {secret.get_secret_value()}", "content-type": "application/json"}
        try:
            answer = await self._client.request(
                method, self._url + path, content=content, headers=headers, timeout=ANSWER_SECONDS
            )
        except httpx2.HTTPError as error:
            raise StagingFailed(f"the runtime does not answer {method} {path}: {type(error).__name__}") from None
        return Forwarded(answer.status_code, answer.content)

    def _read(self, kind: type[Kind], answer: Forwarded) -> Kind:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError:
            raise StagingFailed(f"the runtime answered {answer.status} to the supervisor") from None
