"""The ports of a target: what a drill needs from an environment, whatever that environment is made of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from drills.evidence.records import Samples


class Frozen(BaseModel):
    """A record that cannot change and takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretReference(Frozen):
    """Where a secret is found: an environment variable or a file. Never its value."""

    env: str | None = None
    file: Path | None = None


class HttpSwitchRecipe(Frozen):
    """How to read and write one switch over an HTTP API, without any secret in it.

    ``pointer`` is the JSON pointer (RFC 6901) to the value in the answer; the body of the PUT is ``{"value": …}``.
    ``state_pointer``, where the API has one, leads to a word that is ``ready`` once no change is under way; until then
    the switch has no value.
    """

    kind: Literal["http"] = "http"
    switch: str
    url: str
    pointer: str = "/value"
    state_pointer: str | None = None
    token: SecretReference | None = None
    timeout_seconds: float = 30.0


SwitchRecipe = Annotated[HttpSwitchRecipe, Field(discriminator="kind")]


class Switch(Protocol):
    """One flag or setting of a target.

    ``recipe`` rebuilds the switch in another process, such as the watchdog, when this one is gone.
    """

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""

    @property
    def recipe(self) -> HttpSwitchRecipe:
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


class MetricSource(Protocol):
    """Where raw metric samples come from."""

    def samples(self, metrics: Collection[str], start: datetime, end: datetime) -> Samples:
        """Return the raw samples of every series whose metric name is in ``metrics``, between the two moments.

        Raises:
            MetricsUnavailable: the source does not answer or does not speak the format.
        """
