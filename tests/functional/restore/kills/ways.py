"""The ways to die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.functional.restore.kills import timeout_by_word
from tests.functional.restore.kills.disk import fill
from tests.functional.restore.kills.victims import Victim

#: A time-out that no test comes near: each is set off from outside.
_FAR = 3600


@dataclass(frozen=True)
class Way:
    """A way to die. ``blow`` deals it from outside; ``pytest_options`` prepare the drill for it.

    ``small_disk`` asks for a state folder on a file system that can be filled. A way that is ``general`` can be tried
    on any program, not on pytest alone. For ``grace`` seconds after the last process has ended the target may
    still put its flags back by itself.
    """

    name: str
    blow: Callable[[Victim], None]
    pytest_options: str = ""
    small_disk: bool = False
    general: bool = True
    grace: float = 8.0

    def environment(self, word: Path) -> dict[str, str]:
        """Return the variables with which the victim is started, ``word`` being the file that it may wait for."""
        options = {"PYTEST_ADDOPTS": self.pytest_options} if self.pytest_options else {}
        return {**options, timeout_by_word.VARIABLE: str(word)}


def _send(number: signal.Signals) -> Callable[[Victim], None]:
    return lambda victim: os.kill(victim.process.pid, number)


def _kill_group(victim: Victim) -> None:
    os.killpg(victim.process.pid, signal.SIGKILL)


def _lose_host(victim: Victim) -> None:
    watchdog = victim.watchdog()
    if watchdog is not None:
        (victim.disk / "watchdog-killed").touch()
        os.kill(watchdog, signal.SIGKILL)
    _kill_group(victim)


WAYS = {
    way.name: way
    for way in (
        Way("SIGKILL", _send(signal.SIGKILL)),
        Way("SIGKILL to the group", _kill_group),
        Way("SIGTERM", _send(signal.SIGTERM)),
        Way("SIGHUP", _send(signal.SIGHUP)),
        Way("disk full", lambda victim: fill(victim.disk), small_disk=True),
        Way(
            "pytest-timeout, signal",
            _send(signal.SIGALRM),
            pytest_options=f"--timeout={_FAR} --timeout-method=signal",
            general=False,
        ),
        Way(
            "pytest-timeout, thread",
            lambda victim: victim.word.touch(),
            pytest_options=f"--timeout={_FAR} --timeout-method=thread -p {timeout_by_word.__name__}",
            general=False,
        ),
        Way("drill and watchdog at once", _lose_host, general=False, grace=25.0),
    )
}
