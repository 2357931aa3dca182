"""A switch behind an HTTP API: GET reads it, PUT asks for a value.

No redirect is followed and no proxy used, so the token goes nowhere else; link-local addresses, where clouds keep
their credentials, are refused; answers are capped in size and time. The token is looked up at each use and is in no
message.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import orjson

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.ports import HttpSwitchRecipe
from drills.target.profile import read_secret

MAXIMUM_ANSWER = 65536
_MESSAGE_LENGTH = 200
_GONE_FOR_NOW = frozenset({408, 409, 423, 425, 429})


def build(recipe: HttpSwitchRecipe) -> HttpSwitch:
    """Return the switch that ``recipe`` describes; nothing is sent before its first use."""
    return HttpSwitch(recipe)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class HttpSwitch:
    """A switch that is read and asked over HTTP, as its recipe says."""

    def __init__(self, recipe: HttpSwitchRecipe) -> None:
        """Keep the recipe; nothing is sent before the first use."""
        self._recipe = recipe

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._recipe.switch

    @property
    def recipe(self) -> HttpSwitchRecipe:
        """The description from which another process can restore this switch."""
        return self._recipe

    def read(self) -> str:
        """Return the value in effect. Truth values and numbers are written as JSON writes them.

        Raises:
            TargetUnreachable: nothing answered, a change is under way, or the answer holds no value.
            SwitchFailed: the target refused to say.
        """
        document = self._document(self._exchange("GET"))
        if self._recipe.state_pointer is not None:
            state = self._at(document, self._recipe.state_pointer)
            if state != "ready":
                raise TargetUnreachable(f"switch {self.id} is {state}")
        return self._at(document, self._recipe.pointer)

    def ask(self, value: str) -> None:
        """Ask for ``value`` and return at once.

        Raises:
            TargetUnreachable: nothing answered.
            SwitchFailed: the target refused.
        """
        self._exchange("PUT", orjson.dumps({"value": value}))

    def _exchange(self, method: str, content: bytes | None = None) -> _Answer:
        answer = self._send(method, content)
        if answer.status // 100 == 2:  # noqa: PLR2004 - the class of success
            return answer
        words = f"switch {self.id}: {method} {self._recipe.url} answered {answer.status}{_message(answer)}"
        if answer.status // 100 == 5 or answer.status in _GONE_FOR_NOW:  # noqa: PLR2004 - the class of server errors
            raise TargetUnreachable(words)
        raise SwitchFailed(words, remedy="check the operator API and its token in the target profile")

    def _send(self, method: str, content: bytes | None) -> _Answer:
        headers = {"accept": "application/json", "content-type": "application/json", **self._authorization()}
        seconds = self._recipe.timeout_seconds
        deadline = time.monotonic() + seconds
        with self._unreachable_when_broken():
            url = httpx2.URL(self._recipe.url)
            _refuse_link_local(url.host)
            with (
                httpx2.Client(trust_env=False, follow_redirects=False, verify=_trust(), timeout=seconds) as client,
                client.stream(method, url, headers=headers, content=content) as response,
            ):
                return _Answer(response.status_code, self._body(response, deadline))

    def _body(self, response: httpx2.Response, deadline: float) -> bytes:
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAXIMUM_ANSWER:
                raise TargetUnreachable(f"switch {self.id}: the answer is larger than {MAXIMUM_ANSWER:,} bytes")
            if time.monotonic() > deadline:
                raise TargetUnreachable(
                    f"switch {self.id}: the answer takes longer than {self._recipe.timeout_seconds:g} s"
                )
        return body

    def _authorization(self) -> dict[str, str]:
        if self._recipe.token is None:
            return {}
        return {"authorization": f"Bearer {read_secret(self._recipe.token)}"}

    @contextmanager
    def _unreachable_when_broken(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            reason = str(error) or type(error).__name__
            raise TargetUnreachable(
                f"switch {self.id}: no answer from {self._recipe.url}: {reason}",
                remedy="check that the target is up and can be reached from here",
            ) from None

    def _document(self, answer: _Answer) -> object:
        try:
            document: object = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise TargetUnreachable(f"switch {self.id}: the answer of {self._recipe.url} is not JSON") from None
        return document

    def _at(self, document: object, pointer: str) -> str:
        found = resolve(document, pointer)
        if isinstance(found, str):
            return found
        if isinstance(found, bool | int | float):
            return orjson.dumps(found).decode()
        raise TargetUnreachable(f"switch {self.id}: the answer of {self._recipe.url} holds no value at {pointer}")


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


def _message(answer: _Answer) -> str:
    try:
        found = resolve(orjson.loads(answer.body), "/error/message")
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, str):
        return ""
    return f" ({''.join(letter for letter in found if letter.isprintable())[:_MESSAGE_LENGTH]})"


def _refuse_link_local(host: str) -> None:
    for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        if ipaddress.ip_address(str(address[0]).partition("%")[0]).is_link_local:
            raise SwitchFailed(f"{host} is a link-local address; it was not contacted", remedy="mend the profile")


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
