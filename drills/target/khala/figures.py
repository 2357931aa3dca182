"""What the drill's own clients of the Khala lane measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Who = Literal["probe", "cohort"]


class Kind(StrEnum):
    """What was measured, from the client's request to the frame that ends it.

    A catch-up ends with the batch that says ``replay_complete``; an update begins when the authority is asked for it.
    """

    JOIN = "join"
    CATCH_UP = "catch-up"
    STALE_CURSOR = "stale-cursor"
    UPDATE = "update"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure: when it was complete (Unix seconds) and how long it took, in milliseconds."""

    at: float
    who: Who
    kind: Kind
    milliseconds: float


@dataclass
class Figures:
    """Everything that was measured so far, and what failed. Any thread may add to it and read it."""

    measurements: list[Measurement] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def took(self, who: Who, kind: Kind, begun: float) -> None:
        """Take down what began at this monotonic moment and is complete now."""
        self.measurements.append(Measurement(time.time(), who, kind, (time.monotonic() - begun) * 1000))

    def so_far(self) -> Figures:
        """Return a copy to which nobody adds."""
        return Figures(list(self.measurements), list(self.failures))

    def milliseconds(self, kind: Kind, who: Who | None = None) -> list[float]:
        """Return how long everything of ``kind`` took, in the order of time."""
        return [one.milliseconds for one in self._chosen(kind, who)]

    def count(self, kind: Kind, who: Who | None = None) -> int:
        """Return how many of ``kind`` there are."""
        return sum(1 for _ in self._chosen(kind, who))

    def _chosen(self, kind: Kind, who: Who | None) -> Iterator[Measurement]:
        # A copy: the other thread may be adding.
        return (one for one in tuple(self.measurements) if one.kind is kind and who in {None, one.who})
