"""Steps on a web page, as data: what signing in, or setting a value on an admin page, is made of."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from drills.target.fields import Frozen, PageUrl, SecretReference


class Step(Frozen):
    """One thing done on a page. Exactly one of the actions is given; all but ``goto`` name an element by its selector.

    ``fill`` and ``select`` need ``text`` or ``secret``, ``press`` a key in ``text``. ``wait`` waits until the element
    is there. ``{value}`` in a selector or a text stands for the value that is to be set.
    """

    goto: PageUrl | None = None
    fill: str | None = None
    select: str | None = None
    click: str | None = None
    check: str | None = None
    uncheck: str | None = None
    press: str | None = None
    wait: str | None = None
    text: str | None = None
    secret: SecretReference | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a step does one thing: one of {', '.join(ACTIONS)}")
        texts = (self.text is not None) + (self.secret is not None)
        if texts != (given[0] in _NEED_TEXT):
            need = "needs one of text and secret" if given[0] in _NEED_TEXT else "takes neither text nor secret"
            raise ValueError(f"a step that says {given[0]} {need}")
        return self

    @property
    def action(self) -> str:
        """The one action of this step."""
        return next(name for name in ACTIONS if getattr(self, name) is not None)

    @property
    def target(self) -> str:
        """The selector, or the address, that the action is about."""
        return str(getattr(self, self.action))


ACTIONS = ("goto", "fill", "select", "click", "check", "uncheck", "press", "wait")
_NEED_TEXT = frozenset({"fill", "select", "press"})


class Login(Frozen):
    """A login file: the page on which a surface asks who one is, and the steps to get in."""

    url: PageUrl
    steps: tuple[Step, ...]
