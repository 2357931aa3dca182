"""Kill drills, again and again, and see whether their target ends as it was found. Prints a table.

    python tests/functional/restore/kill_matrix.py --every 1 --random 150

``--every N`` kills at every N-th step of ``mortal_drill.py``, each time in the next way to die; ``--random N`` kills N
times at random moments from the outside. Several targets are drilled side by side, each with a state folder of its own.
At the end an undisturbed drill has to pass on each of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from drills.restore.recover import unresolved
from drills.restore.state import StateFolder

HERE = Path(__file__).parent
BASELINE = {"web": "false", "mobile": "false", "desktop": "false", "sink-path": "dual"}
ENVIRONMENT = {**os.environ, "FLAG_TOKEN": "canary-operator-token", "PYTHONPATH": os.pathsep.join(sys.path)}
FROM_INSIDE = ("SIGKILL", "SIGKILL-group", "SIGTERM", "SIGTERM-group", "SIGHUP-group", "exit")
FROM_OUTSIDE = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
#: Seconds after a death in which everything must be back and the journal must say so.
PATIENCE = 20.0


@dataclass(frozen=True)
class Kill:
    """A death to die: at a step, or ``after`` seconds when ``step`` is None."""

    how: str
    step: int | None = None
    after: float = 0.0


@dataclass(frozen=True)
class Death:
    """What came of one kill: whether the flags were at their baseline, and ``seconds`` from death to the last change.

    ``died`` is False when the drill had come to its end before.
    """

    how: str
    moment: str
    died: bool
    restored: bool
    seconds: float


class Lane:
    """One target and one state folder, on which drills are killed one after the other."""

    def __init__(self, url: str, state: StateFolder) -> None:
        """Drill the target at ``url``."""
        self._url = url
        self._state = state
        self._drills = itertools.count(1)

    def kill(self, kill: Kill) -> Death:
        """Start a drill, let it die, and watch what becomes of the flags."""
        drill = self._start(kill)
        if kill.step is None:
            self._kill_later(drill, kill)
        drill.communicate()
        died_at = time.monotonic()
        restored = wait_for(lambda: self._flags() == BASELINE and not unresolved(self._state))
        changes = [moment for moment, _switch, _value in self._get("history") if moment > died_at]
        moment = f"step {kill.step}" if kill.step is not None else f"{kill.after:.2f} s"
        return Death(kill.how, moment, drill.returncode != 0, restored, max(changes, default=died_at) - died_at)

    def complete(self) -> bool:
        """Run a drill undisturbed, and tell whether it ended well."""
        drill = self._start(Kill("exit", step=-1))
        drill.communicate()
        return drill.returncode == 0 and self._flags() == BASELINE

    def _start(self, kill: Kill) -> subprocess.Popen[bytes]:
        step = -1 if kill.step is None else kill.step
        command = [sys.executable, str(HERE / "mortal_drill.py"), "--state", str(self._state.root), "--url", self._url]
        command += ["--drill-id", f"drill-{next(self._drills)}", "--die-at", str(step)]
        command += ["--how", kill.how if kill.step is not None else "exit"]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True
        )

    def _kill_later(self, drill: subprocess.Popen[bytes], kill: Kill) -> None:
        time.sleep(kill.after)  # the random moment itself, not a wait for anything
        if drill.poll() is None:
            os.killpg(drill.pid, FROM_OUTSIDE[kill.how])

    def _flags(self) -> dict[str, str]:
        answers = {name: self._get(f"switches/{name}") for name in BASELINE}
        return {name: answer["value"] if answer["state"] == "ready" else "" for name, answer in answers.items()}

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self._url}/{path}", headers={"authorization": f"Bearer {ENVIRONMENT['FLAG_TOKEN']}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)


@contextmanager
def lane(delay: float) -> Iterator[Lane]:
    """Start a target whose changes take ``delay`` seconds, and end it again."""
    command = [sys.executable, str(HERE / "flag_server.py"), "--delay", str(delay)]
    command += [f"{name}={value}" for name, value in BASELINE.items()]
    with (
        tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as server,
    ):
        assert server.stdout is not None
        yield Lane(json.loads(server.stdout.readline())["url"], StateFolder(Path(folder) / "state"))
        server.communicate()


def wait_for(condition: Callable[[], bool]) -> bool:
    """Return whether ``condition`` came true in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def run(kills: Iterable[Kill], lanes: int, delay: float) -> tuple[list[Death], bool]:
    """Die all deaths on ``lanes`` targets side by side; the second answer is whether a last drill passed on each."""
    with ExitStack() as stack, ThreadPoolExecutor(lanes) as pool:
        free: Queue[Lane] = Queue()
        open_lanes = [stack.enter_context(lane(delay)) for _ in range(lanes)]
        for one in open_lanes:
            free.put(one)

        def die(kill: Kill) -> Death:
            with_lane = free.get()
            try:
                return with_lane.kill(kill)
            finally:
                free.put(with_lane)

        deaths = list(pool.map(die, kills))
        return deaths, all(pool.map(Lane.complete, open_lanes))


def planned(every: int, random_kills: int, steps: int, seed: int) -> Iterator[Kill]:
    """Return the kills to do."""
    if every:
        for number, step in enumerate(range(0, steps, every)):
            yield Kill(FROM_INSIDE[number % len(FROM_INSIDE)], step=step)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(random_kills):
        yield Kill(chance.choice(sorted(FROM_OUTSIDE)), after=chance.uniform(0.3, 2.0))


def table(deaths: Iterable[Death]) -> Iterator[str]:
    """Return the lines of a table, one line for each way to die."""
    by_way: dict[str, list[Death]] = defaultdict(list)
    for death in deaths:
        by_way[death.how].append(death)
    yield f"{'way to die':<16}{'kills':>7}{'restored':>10}{'slowest':>10}"
    for how, some in sorted(by_way.items()):
        yield f"{how:<16}{len(some):>7}{sum(one.restored for one in some):>10}{max(s.seconds for s in some):>8.2f} s"


def main() -> None:
    """Kill, print, and end with 1 when a flag was left behind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=0)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--steps", type=int, default=80, help="steps of one drill")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    kills = planned(arguments.every, arguments.random, arguments.steps, arguments.seed)
    deaths, passed = run(kills, arguments.lanes, arguments.delay)
    whole = json.dumps({"deaths": [asdict(death) for death in deaths], "following_drills_pass": passed})
    print(whole if arguments.json else "\n".join(table(deaths)))  # noqa: T201 - its output
    sys.exit(0 if passed and all(death.restored for death in deaths) else 1)


if __name__ == "__main__":
    main()
