"""What a runbook says, typed and frozen.

Every entry carries an ``id`` (unique in its kind), a ``title`` in the runbook's own words and the ``source`` section
that says so. Durations are seconds. Metric names are written as the runbook writes them, with dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=48)]


class Frozen(BaseModel):
    """A record that cannot change and takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Frozen):
    """One numbered statement of the runbook."""

    id: Identifier
    title: Annotated[str, Field(min_length=3)]
    source: Annotated[str, Field(pattern=r"^§\d+(\.\d+)*$", description="section of the runbook, such as §5.2")]


class Precondition(Entry):
    """Something that must hold before any checklist item is tried."""


class Cohort(Frozen):
    """Who is on the new lane during a stage, in percent of all users."""

    audience: Literal["internal", "percent", "everyone"]
    minimum_percent: Annotated[float, Field(ge=0, le=100)] = 0
    maximum_percent: Annotated[float, Field(ge=0, le=100)] = 100


class Hold(Frozen):
    """How long gates must have been green in a stage before the next one."""

    business_days: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[int, Field(ge=0)] = 0


class Calendar(Frozen):
    """Whose business days count: a country (ISO 3166-1) and a part of it, and the time zone in which a day begins.

    Without a country, weekends alone are no business days.
    """

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    time_zone: str = "UTC"


class Stage(Entry):
    """One step of the rollout. ``hold`` is what must pass, gates green, before the stage may be left."""

    cohort: Cohort
    hold: Hold
    rules: tuple[str, ...] = ()
    rollback_window_seconds: Annotated[int, Field(ge=0)] = 0


class Selector(Frozen):
    """The time series of one metric: its dotted name, the ``part`` of a histogram, and labels that must match."""

    metric: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$")]
    part: Literal["", "sum", "count", "bucket"] = ""
    labels: dict[str, str] = {}

    @property
    def series_name(self) -> str:
        """The name in Prometheus: dots become underscores, a histogram's part is appended."""
        name = self.metric.replace(".", "_")
        return f"{name}_{self.part}" if self.part else name


class Ratio(Frozen):
    """Σ increase(numerator) / Σ increase(denominator) over the window."""

    kind: Literal["ratio"]
    numerator: Selector
    denominator: Selector


class Rate(Frozen):
    """Σ increase / seconds over the window."""

    kind: Literal["rate"]
    of: Selector


class Increase(Frozen):
    """Σ increase over the window."""

    kind: Literal["increase"]
    of: Selector


class Quantile(Frozen):
    """The ``q`` quantile of a histogram's increase over the window; ``of`` selects its buckets."""

    kind: Literal["quantile"]
    of: Selector
    q: Annotated[float, Field(gt=0, lt=1)]


class Gauge(Frozen):
    """The last, largest or mean value of a gauge over the window."""

    kind: Literal["gauge"]
    of: Selector
    take: Literal["last", "max", "mean"]


Measure = Annotated[Ratio | Rate | Increase | Quantile | Gauge, Field(discriminator="kind")]


class Comparison(Frozen):
    """The measured value compared with a ``threshold``, or with a ``setting`` that the target profile must give."""

    kind: Literal["comparison"]
    relation: Literal["<", "<=", ">", ">="]
    threshold: float | None = None
    setting: Identifier | None = None


class TrendToZero(Frozen):
    """The last bucket within ``epsilon`` of zero, and no significant upward trend over ``buckets`` of the window.

    ``significance`` is the p-value below which a rising rank correlation counts as a trend.
    """

    kind: Literal["trend_to_zero"]
    epsilon: Annotated[float, Field(ge=0)]
    buckets: Annotated[int, Field(ge=4, le=1000)] = 6
    significance: Annotated[float, Field(gt=0, lt=0.5)] = 0.05


Objective = Annotated[Comparison | TrendToZero, Field(discriminator="kind")]


class Gate(Entry):
    """A measure over metrics, an objective, and how much data it takes to say anything.

    ``minimum_coverage`` is the part of the window that must hold data (0 to 1); ``minimum_samples`` counts the events
    behind the measure (the denominator of a ratio, the observations of a histogram, the points of a gauge);
    ``evidence`` selects the series whose samples prove that the thing was watched at all (so that a counter nobody
    increments is told from a counter nobody scrapes). ``steady_state`` leaves declared disturbances out.
    ``snapshot`` is the kind of artefact under which a picture of the measure is kept, where the runbook wants one.
    """

    measure: Measure
    objective: Objective
    unit: str
    window_seconds: Annotated[int, Field(gt=0)]
    minimum_coverage: Annotated[float, Field(gt=0, le=1)]
    minimum_samples: Annotated[int, Field(ge=1)]
    maximum_age_seconds: Annotated[int, Field(gt=0)] = 300
    steady_state: bool = False
    snapshot: Identifier | None = None
    evidence: Selector | None = None


class Panel(Entry):
    """One panel of the required dashboard: a measure, drawn over each of the rolling ``windows`` in seconds.

    With ``by``, there is a line for each value of that label. ``gate`` names the gate whose threshold is drawn.
    """

    unit: str
    windows: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]
    measure: Measure
    by: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] | None = None
    gate: Identifier | None = None


class SwitchKind(StrEnum):
    """Whether a switch belongs to one client surface or to the runtime."""

    CLIENT = "client"
    RUNTIME = "runtime"


class Switch(Entry):
    """Something that can be flipped: its key in the environment, and its value on the new and on the old lane."""

    kind: SwitchKind
    key: str
    new_lane: str
    old_lane: str
    surface: Identifier | None = None


class RollbackLevel(Entry):
    """One size of rollback, level 1 smallest. ``switches`` are put to ``old_lane`` in this order."""

    level: Annotated[int, Field(ge=1)]
    switches: tuple[Identifier, ...] = ()


class Step(Entry):
    """One step of a checklist item, done for each of the item's surfaces."""


class ChecklistItem(Entry):
    """One thing the drill must do and see. ``needs`` names preconditions without which it is not attempted."""

    surfaces: tuple[Identifier, ...] = ()
    steps: tuple[Step, ...] = ()
    needs: tuple[Identifier, ...] = ()


class RequiredArtefact(Entry):
    """Something every drill must leave behind: at least ``minimum`` pieces of evidence of each of ``kinds``."""

    kinds: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    minimum: Annotated[int, Field(ge=1)] = 1


class Runbook(Frozen):
    """A whole runbook.

    ``scenarios`` exercise its checklist: a Python package, or a folder beside the runbook's file, written ``./folder``.
    """

    id: Identifier
    title: str
    owner: str
    scope: str
    issue: str
    version: str
    scenarios: str
    preconditions: tuple[Precondition, ...]
    stages: tuple[Stage, ...]
    stage_rules: tuple[str, ...]
    gates: tuple[Gate, ...]
    switches: tuple[Switch, ...]
    rollback: tuple[RollbackLevel, ...]
    rollback_validation: tuple[Step, ...]
    checklist: tuple[ChecklistItem, ...]
    artefacts: tuple[RequiredArtefact, ...]
    panels: tuple[Panel, ...] = ()
    calendar: Calendar = Calendar()
    drill_maximum_age_seconds: Annotated[int, Field(gt=0)] = 7 * 86400

    def item(self, item_id: str) -> ChecklistItem:
        """Return the checklist item with this id.

        Raises:
            KeyError: the runbook has no such item.
        """
        return {item.id: item for item in self.checklist}[item_id]

    def switch(self, switch_id: str) -> Switch:
        """Return the switch with this id.

        Raises:
            KeyError: the runbook has no such switch.
        """
        return {switch.id: switch for switch in self.switches}[switch_id]

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield every entry with the path of its place in the file."""
        for kind in (
            "preconditions",
            "stages",
            "gates",
            "switches",
            "rollback",
            "rollback_validation",
            "checklist",
            "artefacts",
            "panels",
        ):
            for index, entry in enumerate(getattr(self, kind)):
                yield f"{kind}[{index}]", entry
        for index, item in enumerate(self.checklist):
            for position, step in enumerate(item.steps):
                yield f"checklist[{index}].steps[{position}]", step
