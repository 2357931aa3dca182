"""One change of one switch, from intent to confirmation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from drills.clock import Clock
from drills.errors import SwitchFailed, TargetUnreachable
from drills.evidence.records import SwitchFlipped
from drills.restore.entries import Intent
from drills.restore.undo import Patience
from drills.target.ports import Switch, SwitchRecipe
from drills.target.recipes import from_anywhere


@dataclass(frozen=True, slots=True)
class Context:
    """Why a switch is flipped: the purpose, and the checklist item and the surface it is done for."""

    purpose: str
    item: str | None = None
    surface: str | None = None


@dataclass(slots=True)
class Flip:
    """A flip on its way. ``seen`` is the last value read, or why none was; both moments are None until they come."""

    number: int
    switch: str
    before: str
    after: str
    context: Context
    requested_at: datetime | None = None
    confirmed_at: datetime | None = None
    seen: str | TargetUnreachable = ""

    def intent(self, recipe: SwitchRecipe, at: datetime) -> Intent:
        """Return what is written down before the switch is asked."""
        return Intent(
            at=at,
            flip=self.number,
            switch=self.switch,
            before=self.before,
            after=self.after,
            recipe=from_anywhere(recipe),
            purpose=self.context.purpose,
        )

    def record(self, now: datetime) -> SwitchFlipped:
        """Return the fact; a switch that had its value already counts as requested and confirmed ``now``."""
        return SwitchFlipped(
            switch=self.switch,
            before=self.before,
            after=self.after,
            requested_at=self.requested_at or now,
            confirmed_at=self.confirmed_at or now,
            purpose=self.context.purpose,
            item=self.context.item,
            surface=self.context.surface,
        )

    def standing(self) -> str:
        """Return in words what was asked and what is seen."""
        seen = f"reads {self.seen!r}" if isinstance(self.seen, str) else f"gives no value ({self.seen.message})"
        return f"{self.switch} was asked for {self.after!r} and {seen}"


def value_in_effect(switch: Switch, clock: Clock, pause: Callable[[float], None], patience: Patience) -> str:
    """Return what ``switch`` reads, once it gives a value at all.

    Raises:
        TargetUnreachable: it gives none in time.
    """
    deadline = clock.monotonic() + patience.timeout
    while True:
        try:
            return switch.read()
        except TargetUnreachable:
            if clock.monotonic() >= deadline:
                raise
        pause(patience.poll)


def never_arrived(flips: Sequence[Flip], timeout: float) -> SwitchFailed:
    """Return the error for flips that were not read back within ``timeout`` seconds."""
    return SwitchFailed(
        f"not in effect within {timeout:g} s: {'; '.join(flip.standing() for flip in flips)}",
        remedy="look at the switch on the operator console",
    )
