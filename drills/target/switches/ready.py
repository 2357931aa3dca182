"""Holding a switch's value back until what it switches answers with it, and readings apart in time."""

from __future__ import annotations

import time

from drills.errors import NotInEffect, SwitchFailed, TargetUnreachable
from drills.target.exchange import Answer, Request, as_text, document, resolve, send
from drills.target.fields import read_headers
from drills.target.ports import Switch
from drills.target.recipes import VALUE, ReadyCondition, SwitchRecipe


class WhenReady:
    """A switch whose value counts once ``condition`` says that it has come into effect."""

    def __init__(self, inner: Switch, condition: ReadyCondition) -> None:
        self._inner = inner
        self._condition = condition

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._inner.id

    @property
    def recipe(self) -> SwitchRecipe:
        """The recipe of the switch, with its condition."""
        return self._inner.recipe

    def read(self) -> str:
        """Return the value, once it is in effect.

        Raises:
            NotInEffect: the switch stands at a value that does not show yet.
        """
        value = self._inner.read()
        if reason := _obstacle(self._condition, value, f"switch {self.id}, readiness"):
            raise NotInEffect(
                f"switch {self.id} stands at {value!r}, but {reason}", stands_at=value, remedy="look at what it runs"
            )
        return value

    def ask(self, value: str) -> None:
        """Ask the switch for ``value``."""
        self._inner.ask(value)


class Paced:
    """A switch that is read once in ``seconds`` at most; in between, what was found last is told again."""

    def __init__(self, inner: Switch, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds
        self._read_at = float("-inf")
        self._found: str | TargetUnreachable = ""

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._inner.id

    @property
    def recipe(self) -> SwitchRecipe:
        """The recipe of the switch."""
        return self._inner.recipe

    def read(self) -> str:
        """Return the value that was found at the last reading."""
        if time.monotonic() - self._read_at >= self._seconds:
            self._found = self._look()
            self._read_at = time.monotonic()
        if isinstance(self._found, str):
            return self._found
        raise self._found

    def ask(self, value: str) -> None:
        """Ask the switch for ``value``; what was found before counts no more."""
        self._read_at = float("-inf")
        self._inner.ask(value)

    def _look(self) -> str | TargetUnreachable:
        try:
            return self._inner.read()
        except TargetUnreachable as error:
            return error


def _obstacle(condition: ReadyCondition, value: str, what: str) -> str:
    """Return why ``condition`` does not hold for ``value``, nothing when it does."""
    request = Request(
        what, "GET", condition.url, read_headers(condition.headers), timeout_seconds=condition.timeout_seconds
    )
    try:
        answer = send(request)
        if answer.status != condition.status:
            return f"{condition.url} answers {answer.status}"
        return _contradiction(condition, value, answer, request)
    except (TargetUnreachable, SwitchFailed) as error:
        return error.message


def _contradiction(condition: ReadyCondition, value: str, answer: Answer, request: Request) -> str:
    if condition.contains is not None:
        wanted = condition.contains.replace(VALUE, value)
        if wanted not in answer.body.decode("utf-8", "replace"):
            return f"{condition.url} does not say {wanted!r}"
    if condition.equals is not None:
        wanted = condition.equals.replace(VALUE, value)
        said = as_text(resolve(document(answer, request), condition.pointer))
        if said != wanted:
            return f"{condition.url} says {said!r}, not {wanted!r}"
    return ""
