"""One HTTP request to a target, with every care: no redirect, no proxy, no link-local address, capped in size and time.

The answer comes back whatever its status; what is missing, and what took too long, is an error of the target.
"""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx2
import orjson
from pydantic import JsonValue

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.addresses import is_link_local

MAXIMUM_ANSWER = 65536
_MESSAGE_LENGTH = 200
_GONE_FOR_NOW = frozenset({408, 409, 423, 425, 429})


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. ``what`` names its purpose in messages, and ``maximum`` is the largest answer in bytes."""

    what: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    timeout_seconds: float = 30.0
    maximum: int = MAXIMUM_ANSWER


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``date`` is the target's own clock, as its header tells it."""

    status: int
    body: bytes
    date: str = ""


def send(request: Request) -> Answer:
    """Send ``request`` and return the answer, whatever its status.

    Raises:
        TargetUnreachable: nothing answered, too late, or with too much.
        SwitchFailed: the address is link-local; it was not contacted.
    """
    deadline = time.monotonic() + request.timeout_seconds
    with _unreachable_when_broken(request):
        if is_link_local(host := httpx2.URL(request.url).host):
            raise SwitchFailed(f"{host} is a link-local address; it was not contacted", remedy="mend the profile")
        with (
            httpx2.Client(
                trust_env=False, follow_redirects=False, verify=_trust(), timeout=request.timeout_seconds
            ) as client,
            client.stream(
                request.method, request.url, headers=dict(request.headers), content=request.content
            ) as response,
        ):
            return Answer(response.status_code, _body(response, request, deadline), response.headers.get("date", ""))


def demand(request: Request) -> Answer:
    """Send ``request`` and return an answer of success.

    Raises:
        TargetUnreachable: as :func:`send`, or the target answered that it cannot now.
        SwitchFailed: the target refused.
    """
    answer = send(request)
    if answer.status // 100 == 2:  # noqa: PLR2004 - the class of success
        return answer
    words = f"{request.what}: {request.method} {request.url} answered {answer.status}{_message(answer)}"
    if answer.status // 100 == 5 or answer.status in _GONE_FOR_NOW:  # noqa: PLR2004 - the class of server errors
        raise TargetUnreachable(words)
    raise SwitchFailed(words, remedy="check address and token in the target profile")


def document(answer: Answer, request: Request) -> object:
    """Return the JSON of ``answer``.

    Raises:
        TargetUnreachable: it is not JSON.
    """
    try:
        found: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise TargetUnreachable(f"{request.what}: the answer of {request.url} is not JSON") from None
    return found


def resolve(document: object, pointer: str) -> object:
    """Return what the JSON pointer (RFC 6901) leads to in ``document``; None when it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def as_text(found: object) -> str | None:
    """Return a JSON scalar as text, truth values and numbers as JSON writes them; None for anything else."""
    if isinstance(found, str):
        return found
    return orjson.dumps(found).decode() if isinstance(found, bool | int | float) else None


def filled(template: JsonValue, value: JsonValue) -> JsonValue:
    """Return ``template`` with ``value`` in each place of ``{value}``; a text that is nothing else keeps its type."""
    if isinstance(template, dict):
        return {key: filled(part, value) for key, part in template.items()}
    if isinstance(template, list):
        return [filled(part, value) for part in template]
    if template == "{value}":
        return value
    return template.replace("{value}", as_text(value) or "") if isinstance(template, str) else template


def filled_url(template: str, value: object) -> str:
    """Return an address with ``value`` in the place of ``{value}``, percent-encoded."""
    return template.replace("{value}", quote(as_text(value) or "", safe=""))


def _body(response: httpx2.Response, request: Request, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > request.maximum:
            raise TargetUnreachable(f"{request.what}: the answer is larger than {request.maximum:,} bytes")
        if time.monotonic() > deadline:
            raise TargetUnreachable(f"{request.what}: the answer takes longer than {request.timeout_seconds:g} s")
    return bytes(body)


@contextmanager
def _unreachable_when_broken(request: Request) -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = str(error) or type(error).__name__
        raise TargetUnreachable(
            f"{request.what}: no answer from {request.url}: {reason}",
            remedy="check that the target is up and can be reached from here",
        ) from None


def _message(answer: Answer) -> str:
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    found = next(
        (one for place in ("/error/message", "/message") if isinstance(one := resolve(content, place), str)), ""
    )
    words = "".join(letter for letter in found if letter.isprintable())[:_MESSAGE_LENGTH]
    return f" ({words})" if words else ""


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
