"""How far the socket's counters have moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from drills.plugin.drill import Drill

PREFIX = "openagents_runtime_sync_socket"
CONNECTIONS, RECONNECTS, EVICTIONS = (f"{PREFIX}_{name}_count" for name in ("connection", "reconnect", "eviction"))


@dataclass(frozen=True)
class Counted:
    """A counter, and where it stood. One that was never counted is not there, and stands at zero."""

    drill: Drill
    metric: str
    labels: Mapping[str, str]
    before: float

    @classmethod
    def now(cls, drill: Drill, metric: str, **labels: str) -> Self:
        """Note where the counter stands."""
        return cls(drill, metric, labels, drill.environment.metrics.total(metric, **labels) or 0.0)

    def grown(self, wanted: float) -> float | None:
        """Return by how much it grew, as soon as that is ``wanted``; None where nothing of the socket is counted."""
        metrics = self.drill.environment.metrics
        self.drill.wait_until(lambda: self._growth() >= wanted, of_metrics=True)
        return None if metrics.total(CONNECTIONS) is None else self._growth()

    def _growth(self) -> float:
        return (self.drill.environment.metrics.total(self.metric, **self.labels) or 0.0) - self.before
