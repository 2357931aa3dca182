"""A switch in memory: the double of the real ones, with a delay, refusals and silence on demand."""

from __future__ import annotations

from dataclasses import dataclass, field

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.recipes import HttpSwitchRecipe, SwitchRecipe


@dataclass
class MemoryWorld:
    """An environment made of values. It outlives the switches that flip it.

    A change that was asked for comes into effect after ``delay`` reads of its switch. Switches in ``refusing`` say no
    to every change; those in ``silent`` do not answer; ``asked`` is every change asked for, in order.
    """

    values: dict[str, str]
    delay: int = 0
    refusing: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    _coming: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def switches(self) -> dict[str, MemorySwitch]:
        """Return a switch for every value."""
        return {switch_id: MemorySwitch(switch_id, self) for switch_id in self.values}

    def build(self, recipe: SwitchRecipe) -> MemorySwitch:
        """Return the switch that ``recipe`` is about, as another process would."""
        return MemorySwitch(recipe.switch, self)

    def ask(self, switch_id: str, value: str) -> None:
        """Take a change; changes of one switch come into effect in the order they were asked for."""
        self._answer(switch_id)
        if switch_id in self.refusing:
            raise SwitchFailed(f"switch {switch_id} refused {value!r}")
        self.asked.append((switch_id, value))
        if self.delay:
            self._coming.setdefault(switch_id, []).append((self.delay, value))
        else:
            self.values[switch_id] = value

    def read(self, switch_id: str) -> str:
        """Return the value in effect, and let changes come one read nearer."""
        self._answer(switch_id)
        coming = [(reads - 1, value) for reads, value in self._coming.pop(switch_id, [])]
        for reads, value in coming:
            if reads < 0:
                self.values[switch_id] = value
        if left := [(reads, value) for reads, value in coming if reads >= 0]:
            self._coming[switch_id] = left
        return self.values[switch_id]

    def _answer(self, switch_id: str) -> None:
        if switch_id in self.silent:
            raise TargetUnreachable(f"switch {switch_id} does not answer")


@dataclass(frozen=True)
class MemorySwitch:
    """One value of a :class:`MemoryWorld`, as a switch."""

    id: str
    world: MemoryWorld

    @property
    def recipe(self) -> HttpSwitchRecipe:
        """A recipe that :meth:`MemoryWorld.build` understands."""
        return HttpSwitchRecipe(switch=self.id, url=f"http://memory.invalid/{self.id}")

    def read(self) -> str:
        """Return the value in effect."""
        return self.world.read(self.id)

    def ask(self, value: str) -> None:
        """Ask for ``value``."""
        self.world.ask(self.id, value)
