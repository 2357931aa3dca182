"""``COMMAND SCRATCH PROGRAM…``: a program that cannot outlive whoever started it; :data:`COMMAND` starts this file.

The program runs in a process group of its own. The whole group is killed when the leash's standard input ends (its
starter holds the other end, and the system closes it however the starter dies), when the leash is asked to
terminate, and when the program itself ends. Then the folder ``SCRATCH`` is removed. Standard library only, and nothing
that ``site`` would load: it must start fast, and what measures coverage has been seen to spin in its signal handler.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

#: How a leash is started.
COMMAND = (sys.executable, "-I", "-S", __file__)
#: What the staging tells its own processes is not the program's business.
_PRIVATE = ("STAGING_", "COVERAGE_")


def main(arguments: Sequence[str]) -> int:
    """Run the program to its end, or to the end of the leash, and return its exit code."""
    scratch, *command = arguments
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    heard, mouth = os.pipe()
    # Before there is anything to kill: a signal that came too early would leave it alive.
    signal.signal(signal.SIGTERM, lambda _number, _frame: _say(mouth))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=environment) as child:  # noqa: S603 - the starter's own argv, no shell
        for wait in (_until_end_of_input, partial(_until_end_of, child.pid)):
            threading.Thread(target=_say_after, args=(mouth, wait), daemon=True).start()
        os.read(heard, 1)
        kill_group(child.pid)
    shutil.rmtree(scratch, ignore_errors=True)
    return child.returncode


def kill_group(group: int) -> None:
    """Kill every process of ``group``; it is no error when none is left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _say_after(mouth: int, wait: Callable[[], None]) -> None:
    wait()
    _say(mouth)


def _say(mouth: int) -> None:
    os.write(mouth, b".")


def _until_end_of_input() -> None:
    while os.read(0, 1024):
        pass


def _until_end_of(pid: int) -> None:
    # Not reaped yet, the process keeps its group's number from being given to somebody else.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
