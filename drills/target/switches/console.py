"""A switch that is flipped on the operator's console, as a person would, and read back over its API."""

from __future__ import annotations

from drills.target.browser import ConsolePage
from drills.target.ports import Switch, SwitchRecipe


class ConsoleSwitch:
    """Flips ``inner`` by clicking its toggle; everything else is ``inner``'s."""

    def __init__(self, inner: Switch, console: ConsolePage) -> None:
        self._inner = inner
        self._console = console

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._inner.id

    @property
    def recipe(self) -> SwitchRecipe:
        """How to restore the switch without a browser."""
        return self._inner.recipe

    def read(self) -> str:
        """Return the value that is in effect, as the API says.

        Raises:
            TargetUnreachable: nothing answered.
        """
        return self._inner.read()

    def ask(self, value: str) -> None:
        """Click the toggle, unless the switch stands at ``value`` already.

        Raises:
            TargetUnreachable: the toggle is not there.
        """
        if self._inner.read() != value:
            self._console.toggle(self.id)
