"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drills.errors import DrillError

#: What other commands say to type; the doctor itself has to know better.
ASK_THE_DOCTOR = "drill doctor"
UNREACHED = "check that the target is up and can be reached from here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is fine, what was seen, and what to type when it is not."""

    what: str
    ok: bool
    seen: str
    remedy: str = ""


def found(what: str, look: Callable[[], str], remedy: str) -> Finding:
    """Return what ``look`` saw; an error of the toolkit is a miss, mended by ``remedy`` or by its own."""
    try:
        return Finding(what, ok=True, seen=look())
    except DrillError as error:
        return missed(what, error, remedy)


def missed(what: str, error: DrillError, remedy: str = "") -> Finding:
    """Return the miss that ``error`` tells of, without the log that a browser adds to it."""
    own = UNREACHED if error.remedy == ASK_THE_DOCTOR else error.remedy
    return Finding(what, ok=False, seen=error.message.partition("\nCall log:")[0], remedy=remedy or own)
