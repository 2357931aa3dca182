"""Putting back what does not come up: a flip that broke its own build, or brought a process down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from drills.clock import FrozenClock
from drills.errors import NotInEffect
from drills.restore.journal import Touched
from drills.restore.undo import Patience, undo
from drills.target.recipes import HttpSwitchRecipe, SwitchRecipe

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = HttpSwitchRecipe(switch="desktop", url="http://127.0.0.1/desktop", settle_seconds=5)


@dataclass
class Fragile:
    """A switch whose new value keeps what it switches from coming up, so that it is never in effect."""

    stands_at: str | None
    id: str = "desktop"
    asked: list[str] = field(default_factory=list)

    @property
    def recipe(self) -> SwitchRecipe:
        """How it would be rebuilt."""
        return RECIPE

    def read(self) -> str:
        """Return the value if what it switches runs."""
        if self.stands_at != "false":
            raise NotInEffect("the new build does not answer", stands_at=self.stands_at)
        return "false"

    def ask(self, value: str) -> None:
        """Take a value."""
        self.asked.append(value)
        self.stands_at = value


def put_back(switch: Fragile, *, confirmed: bool = True, seconds: float = 1) -> tuple[bool, str]:
    clock = FrozenClock(NOW)
    touched = Touched("desktop", "false", "false", "true", confirmed, NOW, RECIPE)
    (line,) = undo(
        [touched],
        {"desktop": switch},
        by="drill",
        clock=clock,
        pause=clock.advance,
        record=lambda _: None,
        patience=Patience(timeout=seconds, poll=0.1, quiet=0.2),
    )
    return line.restored, line.reason


@pytest.mark.parametrize("stands_at", ["true", None])
def test_a_build_that_does_not_come_up_is_put_back_at_once(stands_at: str | None) -> None:
    """Waiting for it would not help: the baseline is asked for, once, and then it is in effect."""
    switch = Fragile(stands_at)
    assert put_back(switch)[0] is True
    assert switch.asked == ["false"]


def test_a_value_of_someone_else_is_left_alone_also_when_it_is_not_in_effect() -> None:
    """It is a conflict as any other."""
    switch = Fragile("maintenance")
    restored, reason = put_back(switch)
    assert (restored, switch.asked) == (False, [])
    assert "someone else set it" in reason


def test_a_switch_may_take_as_long_as_its_recipe_says() -> None:
    """The longer of both times is waited for, and told."""

    class Never(Fragile):
        def ask(self, value: str) -> None:
            self.asked.append(value)

    restored, reason = put_back(Never("true"))
    assert (restored, reason) == (False, "not back within 5 s: the new build does not answer")
