"""From a recipe to its switch: the one place that knows every kind. Used by the drill, its watchdog and the restore."""

from __future__ import annotations

from drills.target.ports import Switch
from drills.target.recipes import (
    CommandSwitchRecipe,
    FileSwitchRecipe,
    HttpSwitchRecipe,
    PageSwitchRecipe,
    SwitchRecipe,
)
from drills.target.switches.command import CommandSwitch
from drills.target.switches.file import FileSwitch
from drills.target.switches.http import HttpSwitch
from drills.target.switches.page import PageSwitch
from drills.target.switches.process import ProcessSwitch
from drills.target.switches.ready import Paced, WhenReady


def build(recipe: SwitchRecipe) -> Switch:
    """Return the switch that ``recipe`` describes; nothing is sent, run or opened before its first use."""
    switch = _plain(recipe)
    if recipe.ready is not None:
        switch = WhenReady(switch, recipe.ready)
    return Paced(switch, recipe.poll_seconds) if recipe.poll_seconds else switch


def _plain(recipe: SwitchRecipe) -> Switch:
    if isinstance(recipe, HttpSwitchRecipe):
        return HttpSwitch(recipe)
    if isinstance(recipe, CommandSwitchRecipe):
        return CommandSwitch(recipe)
    if isinstance(recipe, FileSwitchRecipe):
        return FileSwitch(recipe)
    if isinstance(recipe, PageSwitchRecipe):
        return PageSwitch(recipe, build(recipe.read.model_copy(update={"switch": recipe.switch})))
    return ProcessSwitch(recipe)
