"""A switch in the environment of a process, which is started again with another value."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

import psutil

from drills.errors import NotInEffect, SwitchFailed, TargetUnreachable
from drills.target.commands import FOR_WINDOWS, passed_on
from drills.target.recipes import ProcessSwitchRecipe
from drills.target.switches.values import inward, outward

#: Seconds for a process and its children to end when they are asked to, before they are killed.
END_SECONDS = 10.0


class ProcessSwitch:
    """A switch that is read from the environment of a running process, and set by starting it again."""

    def __init__(self, recipe: ProcessSwitchRecipe) -> None:
        """Keep the recipe; no process is looked at before the first use."""
        self._recipe = recipe

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._recipe.switch

    @property
    def recipe(self) -> ProcessSwitchRecipe:
        """The description from which another process can restore this switch."""
        return self._recipe

    def read(self) -> str:
        """Return the value with which the process runs.

        Raises:
            NotInEffect: it does not run.
            TargetUnreachable: its environment cannot be seen, or lacks the variable and there is no default.
        """
        found = self._environment(self._running()).get(self._recipe.variable, self._recipe.default)
        if found is None:
            raise TargetUnreachable(f"switch {self.id}: the process has no variable {self._recipe.variable}")
        return inward(found, dict(self._recipe.values))

    def ask(self, value: str) -> None:
        """End the process and start it again with ``value``; its environment is otherwise the one that it had.

        Raises:
            SwitchFailed: it does not start.
        """
        written = str(outward(self.id, value, dict(self._recipe.values)))
        try:
            running = self._running()
        except NotInEffect:
            environment = passed_on(FOR_WINDOWS)
        else:
            environment = self._environment(running)
            _end(running)
        self._start(environment | {self._recipe.variable: written})

    def _running(self) -> psutil.Process:
        path = self._recipe.pid_file
        try:
            process = psutil.Process(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError, psutil.NoSuchProcess):
            raise self._down(f"no process runs whose number is in {path}") from None
        if process.status() == psutil.STATUS_ZOMBIE:
            raise self._down(f"process {process.pid} has ended")
        if process.create_time() > path.stat().st_mtime + 1:  # its number went to somebody who started later
            raise self._down(f"process {process.pid} is another one than {path} was written for")
        return process

    def _environment(self, process: psutil.Process) -> dict[str, str]:
        try:
            return process.environ()
        except psutil.NoSuchProcess:
            raise self._down(f"process {process.pid} has ended") from None
        except psutil.Error as error:
            raise TargetUnreachable(
                f"switch {self.id}: the environment of the process cannot be seen: {error}"
            ) from None

    def _down(self, words: str) -> NotInEffect:
        return NotInEffect(f"switch {self.id}: {words}", stands_at=None, remedy="start it, or check pid_file")

    def _start(self, environment: dict[str, str]) -> None:
        recipe = self._recipe
        try:
            with open(recipe.log or os.devnull, "ab") as log:  # noqa: PTH123 - os.devnull is no Path
                process = subprocess.Popen(  # noqa: S603 - the profile's own words, no shell
                    list(recipe.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=recipe.directory,
                    env=environment,
                    start_new_session=True,
                )
            _STARTED.append(process)
            recipe.pid_file.write_text(f"{process.pid}\n", encoding="ascii")
        except OSError as error:
            raise SwitchFailed(f"switch {self.id}: {recipe.argv[0]} does not start: {error.strerror}") from None


#: Keeps what was started from being reported as forgotten: it is meant to outlive the drill.
_STARTED: list[subprocess.Popen[bytes]] = []


def _end(process: psutil.Process) -> None:
    """End a process with its children: first asked, then killed."""
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.terminate()
    for one in psutil.wait_procs(family, timeout=END_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family, timeout=END_SECONDS)
