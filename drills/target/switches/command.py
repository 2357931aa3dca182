"""A switch that the team's own commands set and read, such as ``kubectl`` or ``gcloud``."""

from __future__ import annotations

import orjson

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.commands import Run, run
from drills.target.exchange import as_text, resolve
from drills.target.recipes import VALUE, CommandSwitchRecipe
from drills.target.switches.values import inward, outward


class CommandSwitch:
    """A switch behind commands, as its recipe says."""

    def __init__(self, recipe: CommandSwitchRecipe) -> None:
        """Keep the recipe; nothing is run before the first use."""
        self._recipe = recipe

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._recipe.switch

    @property
    def recipe(self) -> CommandSwitchRecipe:
        """The description from which another process can restore this switch."""
        return self._recipe

    def read(self) -> str:
        """Return what ``get`` prints.

        Raises:
            TargetUnreachable: it fails, or prints no value; it may do better later.
        """
        recipe = self._recipe
        try:
            printed = self._run(recipe.get, "")
        except SwitchFailed as error:
            raise TargetUnreachable(error.message, remedy=error.remedy) from None
        found = printed if recipe.pointer is None else self._at(printed, recipe.pointer)
        if not found:
            raise TargetUnreachable(f"switch {self.id}: {recipe.get[0]} prints no value")
        return inward(found, recipe.reads or recipe.values)

    def ask(self, value: str) -> None:
        """Run ``set``, then ``wait``, to their ends.

        Raises:
            SwitchFailed: one of them fails.
        """
        recipe = self._recipe
        written = str(outward(self.id, value, dict(recipe.values)))
        self._run(recipe.set, written)
        if recipe.wait:
            self._run(recipe.wait, written)

    def _run(self, argv: tuple[str, ...], value: str) -> str:
        recipe = self._recipe
        words = [word.replace(VALUE, value) for word in argv]
        return run(
            Run(
                f"switch {self.id}", words, recipe.timeout_seconds, recipe.environment, recipe.secrets, recipe.directory
            )
        )

    def _at(self, printed: str, pointer: str) -> str:
        try:
            return as_text(resolve(orjson.loads(printed), pointer)) or ""
        except orjson.JSONDecodeError:
            raise TargetUnreachable(f"switch {self.id}: {self._recipe.get[0]} prints no JSON") from None
