"""Chaos Toolkit as a program to be killed: an experiment that flips the same switches, and rolls them back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.functional.restore.kills.target import Target
from tests.functional.restore.kills.victims import NOTHING_FLIPPED, STATE, WORD, Course, Courses, Seen, Victim, started

CHAOS = (sys.executable, "-m", "chaostoolkit", "run", "--rollback-strategy", "always", "--journal-path", "journal.json")
EXPERIMENT, LOG, JOURNAL = "experiment.json", "chaostoolkit.log", "journal.json"
TOKEN = "OPERATOR_TOKEN"  # noqa: S105 - the name of a variable
BASELINE = {"web": "false", "mobile": "false", "desktop": "false", "sink-path": "dual"}
_SURFACES = ("web", "mobile", "desktop")
#: Which switch is asked for which value, in order: the flips that a drill does in its own two courses.
FLIPS = {
    "short": (("web", "true"),),
    "long": (
        *((surface, value) for value in ("true", "false", "true") for surface in _SURFACES),
        ("sink-path", "convex-only"),
        ("sink-path", "dual"),
    ),
}
#: Seconds after an action in which its effect would be observed; a drill takes at least as long.
PAUSE = 2.0

Activity = dict[str, object]


class ChaosToolkit:
    """``chaos run`` with ``--rollback-strategy always``."""

    name = "chaos-toolkit"
    courses = Courses(Course("short", 2), Course("long", 12))  # the flips, and the first rollback

    def start(self, target: Target, folder: Path, extra: Mapping[str, str], selection: str) -> Victim:
        """Start the experiment of this course; its log and its journal are in its working folder."""
        work = folder / STATE
        document = experiment(target.url, FLIPS[selection])
        (folder / EXPERIMENT).write_text(json.dumps(document, indent=1), encoding="utf-8")
        command = [*CHAOS, str(folder / EXPERIMENT)]
        return ToolkitVictim(started(command, folder, {**extra, TOKEN: target.token}, work), folder)

    def following(self, target: Target, folder: Path) -> bool:
        """Run the long experiment; it is to end as completed."""
        victim = self.start(target, folder, {}, "long")
        return victim.process.wait(120) == 0


class ToolkitVictim:
    """An experiment under way. Its steps are the actions that its log tells of, those of rollbacks included."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        """Watch ``process``, which works in the state folder of ``folder``."""
        self.process = process
        self.word = folder / WORD
        self.disk = folder / STATE

    def steps(self) -> int:
        """Return how many actions it has begun."""
        return self._log().count("Action: ")

    def last_step(self) -> str:
        """Return the name of the last action."""
        return self._log().rpartition("Action: ")[2].partition("\n")[0] or "no action yet"

    def watchdog(self) -> int | None:
        """Nothing watches over an experiment."""
        return None

    def put_back_by(self, seen: Seen) -> str:
        """Return whether a flag was away at all; if one was, nobody else is there who could put it back."""
        return "the experiment" if seen.seconds else NOTHING_FLIPPED

    def began_after(self, seen: Seen) -> float | None:
        """Nothing that is there at every death tells."""
        del seen
        return None

    def evidence_is_readable(self) -> bool:
        """Whether there is a journal, and it can be read."""
        try:
            return isinstance(json.loads((self.disk / JOURNAL).read_bytes()), dict)
        except (OSError, ValueError):
            return False

    def is_over(self) -> bool:
        """Nothing keeps the next experiment from starting."""
        return True

    def tidy_up(self) -> bool:
        """There is no command for it."""
        return True

    def _log(self) -> str:
        path = self.disk / LOG
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def experiment(url: str, flips: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return an experiment that flips switches over the operator API at ``url`` and rolls all of them back."""
    return {
        "title": "Cut surfaces over to Khala and back",
        "description": "The flips of a drill, with a rollback for every switch.",
        "secrets": {"operator": {"token": {"type": "env", "key": TOKEN}}},
        "steady-state-hypothesis": {
            "title": "The operator API answers",
            "probes": [{**_activity("probe", "switches", f"{url}/switches"), "tolerance": 200}],
        },
        "method": [_flip(url, switch, value) | {"pauses": {"after": PAUSE}} for switch, value in flips],
        "rollbacks": [_flip(url, switch, value) for switch, value in BASELINE.items()],
    }


def _flip(url: str, switch: str, value: str) -> Activity:
    return _activity("action", f"{switch} {value}", f"{url}/switches/{switch}", {"value": value})


def _activity(kind: str, name: str, url: str, arguments: Mapping[str, str] | None = None) -> Activity:
    provider: dict[str, object] = {
        "type": "http",
        "url": url,
        "method": "PUT" if arguments else "GET",
        "timeout": 30,
        "headers": {"Content-Type": "application/json", "Authorization": "Bearer ${token}"},
        "secrets": ["operator"],
    }
    return {"type": kind, "name": name, "provider": provider | ({"arguments": dict(arguments)} if arguments else {})}
