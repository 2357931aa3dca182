"""A switch behind an HTTP API: one request reads it, another one asks for a value, as its recipe says.

The token is looked up at each use and is in no message.
"""

from __future__ import annotations

import orjson
from pydantic import JsonValue

from drills.errors import TargetUnreachable
from drills.target.exchange import Request, as_text, demand, document, filled, filled_url, resolve
from drills.target.fields import read_headers, read_secret
from drills.target.recipes import HttpSwitchRecipe
from drills.target.switches.values import inward, outward


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
        recipe = self._recipe
        request = self._request(recipe.read_method, recipe.url, recipe.read_body)
        answered = document(demand(request), request)
        if recipe.state_pointer is not None:
            state = self._at(answered, recipe.state_pointer)
            if state != "ready":
                raise TargetUnreachable(f"switch {self.id} is {state}")
        return inward(self._at(answered, recipe.pointer), recipe.reads or recipe.values)

    def ask(self, value: str) -> None:
        """Ask for ``value`` and return at once.

        Raises:
            TargetUnreachable: nothing answered.
            SwitchFailed: the target refused.
        """
        recipe = self._recipe
        written = outward(self.id, value, recipe.values)
        url = filled_url(recipe.write_url or recipe.url, written)
        demand(self._request(recipe.method, url, filled(recipe.body, written)))

    def _request(self, method: str, url: str, body: JsonValue) -> Request:
        content = None if body is None else orjson.dumps(body)
        return Request(f"switch {self.id}", method, url, self._headers(), content, self._recipe.timeout_seconds)

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "application/json", "content-type": "application/json"}
        headers |= {name.lower(): value for name, value in read_headers(self._recipe.headers).items()}
        if self._recipe.token is not None:
            headers["authorization"] = f"Bearer {read_secret(self._recipe.token)}"
        return headers

    def _at(self, answered: object, pointer: str) -> str:
        found = as_text(resolve(answered, pointer))
        if found is None:
            raise TargetUnreachable(f"switch {self.id}: the answer of {self._recipe.url} holds no value at {pointer}")
        return found
