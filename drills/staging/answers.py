"""How the staging's HTTP APIs answer: JSON with ``data`` or ``error``, and who may ask."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]
MAXIMUM_BODY_BYTES = 64 * 1024


class Body(BaseModel):
    """What a request carries."""

    model_config = ConfigDict(frozen=True, extra="forbid")


BodyType = TypeVar("BodyType", bound=Body)


class RefusedError(Exception):
    """A request that is answered with an error instead of what it asked for."""

    def __init__(self, status: int, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, **facts}


def answer(content: object, status: int = 200) -> Response:
    """Return ``content`` as JSON; it is never to be kept by a cache."""
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def data(content: object) -> Response:
    """Return ``{"data": content}``."""
    return answer({"data": content})


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer a refused request; an exception handler of every app."""
    assert isinstance(error, RefusedError)  # noqa: S101 - the app registers this handler for nothing else
    return answer({"error": error.error}, error.status)


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """Return the body of ``request`` as a ``kind``; an empty body is an empty object.

    Raises:
        RefusedError: it is too long, no JSON, or not of this kind.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAXIMUM_BODY_BYTES:
            raise RefusedError(413, "payload_too_large", f"a body may have {MAXIMUM_BODY_BYTES} bytes")
    try:
        return kind.model_validate_json(content or b"{}")
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise RefusedError(422, "invalid_body", "; ".join(mistakes)) from None


def bearer(request: Request) -> str:
    """Return the bearer token of ``request``, or nothing."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def same(given: str, secret: SecretStr) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), secret.get_secret_value().encode())


def guarded(endpoint: Endpoint, allowed: Callable[[Request], bool]) -> Endpoint:
    """Return ``endpoint`` behind a check; whoever does not pass it is told 401."""

    async def guard(request: Request) -> Response:
        if not allowed(request):
            raise RefusedError(401, "unauthorized", "a valid session or token is needed")
        return await endpoint(request)

    return guard


def errors() -> Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    """Return the exception handlers that every app of the staging registers."""
    return {RefusedError: refuse}
