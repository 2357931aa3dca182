"""A switch on an operator's web page, set by a browser of its own and read back in another way.

The browser is a child process, which needs nothing but the recipe: so the watchdog and ``drill restore`` set the
switch exactly as the drill does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

from drills.errors import SwitchFailed
from drills.target.ports import Switch
from drills.target.recipes import PageSwitchRecipe


class PageSwitch:
    """A switch that steps on a page set, and ``reader`` reads."""

    def __init__(self, recipe: PageSwitchRecipe, reader: Switch) -> None:
        """Keep both; no browser is started before the first use."""
        self._recipe = recipe
        self._reader = reader

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._recipe.switch

    @property
    def recipe(self) -> PageSwitchRecipe:
        """The description from which another process can restore this switch."""
        return self._recipe

    def read(self) -> str:
        """Return the value in effect, as ``reader`` says.

        Raises:
            TargetUnreachable: it cannot say now.
            SwitchFailed: the target refused to say.
        """
        return self._reader.read()

    def ask(self, value: str) -> None:
        """Do the steps for ``value`` in a browser without a window, unless the switch stands there already.

        Raises:
            SwitchFailed: a step cannot be done, or there is no browser.
        """
        if self._reader.read() == value:
            return
        with subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "drills.target.browser.setting", value],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            said = self._finish(child)
        if child.returncode:
            raise SwitchFailed(
                f"switch {self.id}: {said.strip() or 'the browser ended'}", remedy="do the steps by hand"
            )

    def _finish(self, child: subprocess.Popen[str]) -> str:
        """Hand the recipe over and return what the child says; whatever breaks the waiting off ends its browser too."""
        recipe = self._recipe
        try:
            return child.communicate(recipe.model_dump_json(), recipe.timeout_seconds)[1]
        except subprocess.TimeoutExpired:
            raise SwitchFailed(
                f"switch {self.id}: the steps on {recipe.url} took longer than {recipe.timeout_seconds:g} s",
                remedy="raise timeout_seconds",
            ) from None
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
