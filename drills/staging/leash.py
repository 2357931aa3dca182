"""``python -m drills.staging.leash SCRATCH COMMAND…``: a command that cannot outlive whoever started it.

The command runs in a process group of its own. The whole group is killed when the leash's standard input ends (its
starter holds the other end, and the system closes it however the starter dies), when the leash is asked to
terminate, and when the command itself ends. Then the folder ``SCRATCH`` is removed. Standard library only, as it must
start fast.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

#: What the staging tells its own processes is not the command's business.
_PRIVATE = ("STAGING_", "COVERAGE_")


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end, or to the end of the leash, and return its exit code."""
    scratch, *command = arguments
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, env=environment) as child:  # noqa: S603 - the starter's own argv, no shell
        signal.signal(signal.SIGTERM, lambda _number, _frame: kill_group(child.pid))
        threading.Thread(target=_kill_at_end_of_input, args=(child.pid,), daemon=True).start()
        # Not reaped yet, the child keeps its group's number from being given to somebody else.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        kill_group(child.pid)
        code = child.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    return code


def kill_group(group: int) -> None:
    """Kill every process of ``group``; it is no error when none is left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill_at_end_of_input(group: int) -> None:
    while os.read(0, 1024):
        pass
    kill_group(group)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
