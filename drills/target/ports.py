"""The ports of a target: what a drill needs from an environment, whatever that environment is made of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from drills.evidence.records import Samples
from drills.target.fields import Frozen, HttpUrl, SecretReference
from drills.target.recipes import HttpSwitchRecipe, SwitchRecipe

__all__ = [
    "Frozen",
    "HttpSwitchRecipe",
    "HttpUrl",
    "MetricSource",
    "SecretReference",
    "Stimulus",
    "Switch",
    "SwitchRecipe",
]


class Switch(Protocol):
    """One flag or setting of a target.

    ``recipe`` rebuilds the switch in another process, such as the watchdog, when this one is gone.
    """

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""

    @property
    def recipe(self) -> SwitchRecipe:
        """A description from which another process can restore the switch."""

    def read(self) -> str:
        """Return the value that is in effect now.

        Raises:
            TargetUnreachable: nothing answered, or the answer holds no value (it may be restarting).
            SwitchFailed: the target refused to say.
        """

    def ask(self, value: str) -> None:
        """Ask for ``value`` and return at once; it is in effect when :meth:`read` says so.

        Raises:
            SwitchFailed: the target refused.
            TargetUnreachable: nothing answered.
        """


class Stimulus(Frozen):
    """An event written to the authority: a reader must see ``seq`` and ``status`` in the row of ``worker_id``."""

    worker_id: str
    doc_key: str
    seq: int
    status: str
    occurred_at: datetime


class SampleSource(Protocol):
    """Where raw samples come from."""

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return the raw samples of every series whose metric name is in ``metrics``, between the two moments.

        Raises:
            MetricsUnavailable: the source does not answer or does not speak the format.
        """


class MetricSource(SampleSource, Protocol):
    """Samples of a target that runs. Entered before its first use, and left after its last."""

    @property
    def interval_seconds(self) -> float:
        """How often samples are taken."""

    @property
    def latency_seconds(self) -> float:
        """How long after an event its sample may come at the latest."""

    def seen_since(self, moment: datetime) -> bool:
        """Look again if need be, and say whether what is known now was sampled at ``moment`` or later."""

    def total(self, metric: str, **labels: str) -> float | None:
        """Return the newest values of ``metric`` (or of its ``_total``) summed over its series, None without any."""

    def breakdown(self, metric: str, label: str, **labels: str) -> dict[str, float]:
        """Return the newest values of ``metric`` summed by the values of ``label``."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
