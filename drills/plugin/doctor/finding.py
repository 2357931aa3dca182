"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drills.errors import DrillError


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
        return Finding(what, ok=False, seen=error.message, remedy=remedy or error.remedy)
