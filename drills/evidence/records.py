"""The facts that a ledger holds. What is computed from them is in :mod:`drills.evidence.drill_record`.

Times are aware datetimes in UTC, durations seconds, sizes bytes. ``None`` and NaN mean *not observed*.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

Scalar = bool | int | float | str | None


class Frozen(BaseModel):
    """A record that cannot change, takes no unknown keys, and writes NaN and infinities as words."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Verdict(StrEnum):
    """What can be said of a check, an item, a gate or a drill. Only real data passes."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_RUN = "NOT_RUN"


class Relation(StrEnum):
    """How an observed value is held against the expected one."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


class Lane(StrEnum):
    """Where a surface gets its live updates from."""

    KHALA = "khala"
    LEGACY = "legacy"


#: Series that were scraped together share their times; in JSON all but the first refer to it.
_TIMES = {
    "anyOf": [
        {"type": "array", "items": {"type": "number"}},
        {"type": "integer", "minimum": 0, "description": "The times of the series at this place."},
    ]
}


class Series(Frozen):
    """The raw samples of one time series: Unix seconds and values, in the order they were taken."""

    metric: str
    labels: dict[str, str] = {}
    times: Annotated[tuple[float, ...], WithJsonSchema(_TIMES)]
    values: tuple[float, ...]


class Interval(Frozen):
    """A span of time that the drill itself disturbed, and why."""

    started_at: datetime
    finished_at: datetime
    reason: str


class CommitFacts(Frozen):
    """One commit. ``issues`` are the issue references found in its message; ``url`` is None without a known remote."""

    sha: str
    subject: str
    author: str
    committed_at: datetime
    url: str | None = None
    issues: tuple[str, ...] = ()


class Provenance(Frozen):
    """Which code was drilled: commit, branch, remote (without credentials), what changed since the last drill."""

    commit: CommitFacts | None = None
    branch: str | None = None
    dirty: bool | None = None
    remote_url: str | None = None
    commits_since: tuple[CommitFacts, ...] = ()
    since: str | None = None
    note: str = ""


class TargetFacts(Frozen):
    """What was drilled. ``settings`` are the figures that gates refer to; ``urls`` carry no query and no credentials.

    ``rehearsal_window_seconds`` is set when the windows are shorter than the runbook's: the drill is a rehearsal.
    ``profile_digest`` is that of the canonical JSON of the profile as it was used. A target with ``lease_seconds`` puts
    all its switches back by itself when it hears nothing of the drill for that long.
    """

    name: str
    environment: Literal["embedded", "staging", "production"]
    urls: dict[str, str] = {}
    settings: dict[str, float] = {}
    rehearsal_window_seconds: int | None = None
    notes: tuple[str, ...] = ()
    profile_digest: str = ""
    lease_seconds: float | None = None


class DrillStarted(Frozen):
    """The first fact of every ledger. ``runbook`` is the whole runbook, so that a verdict needs nothing else.

    ``run_url`` is the page of the CI job that the drill ran in.
    """

    kind: Literal["drill-started"] = "drill-started"
    drill_id: str
    slug: str
    issue: str
    operator: str
    runbook: JsonValue
    runbook_digest: str
    target: TargetFacts
    provenance: Provenance
    versions: dict[str, str]
    command: str
    faults: tuple[str, ...] = ()
    run_url: str | None = None


class ItemStarted(Frozen):
    """A precondition or a checklist item is being tried."""

    kind: Literal["item-started"] = "item-started"
    item: str


class Check(Frozen):
    """An expectation held against an observation. ``evidence`` names artefacts and observations that show it."""

    kind: Literal["check"] = "check"
    id: str
    item: str
    title: str
    observed: Scalar
    relation: Relation
    expected: Scalar
    unit: str = ""
    surface: str | None = None
    step: str | None = None
    evidence: tuple[str, ...] = ()
    note: str = ""


class Observation(Frozen):
    """Facts seen at one moment, for the reader and for checks to refer to."""

    kind: Literal["observation"] = "observation"
    id: str
    item: str
    title: str
    facts: dict[str, Scalar]
    surface: str | None = None


class SwitchFlipped(Frozen):
    """A switch was asked for another value and read back. ``by`` says who asked."""

    kind: Literal["switch-flipped"] = "switch-flipped"
    switch: str
    before: str
    after: str
    requested_at: datetime
    confirmed_at: datetime
    by: Literal["drill", "restore", "watchdog", "operator"] = "drill"
    purpose: str = ""
    item: str | None = None
    surface: str | None = None


class LaneProved(Frozen):
    """Traffic showed which lane carries a surface's updates. ``observation`` holds the traffic figures."""

    kind: Literal["lane-proved"] = "lane-proved"
    surface: str
    lane: Lane
    proved_at: datetime
    observation: str
    item: str | None = None


class RuntimeRecovered(Frozen):
    """The runtime level (sink path) was seen to have taken effect: ``state`` is ``stopped`` or ``recovered``."""

    kind: Literal["runtime-observed"] = "runtime-observed"
    switch: str
    state: Literal["stopped", "recovered"]
    observed_at: datetime
    observation: str


class Disturbance(Frozen):
    """The drill itself disturbed the environment during this interval."""

    kind: Literal["disturbance"] = "disturbance"
    interval: Interval


class Artefact(Frozen):
    """A file that the drill keeps. ``path`` is relative to the evidence folder, ``category`` is the runbook's word."""

    kind: Literal["artefact"] = "artefact"
    id: str
    category: str
    path: str
    media_type: str
    title: str
    size: int
    sha256: str
    redactions: int = 0
    item: str | None = None
    surface: str | None = None


class Recording(Frozen):
    """A trace or HAR archive of the browser, without secrets, handed to whoever keeps it outside the repository.

    ``dropped`` counts the parts that were left out whole: sources, stacks, pictures.
    """

    kind: Literal["recording"] = "recording"
    path: str
    media_type: str
    size: int
    sha256: str
    redactions: int
    dropped: int = 0


class CanaryPlanted(Frozen):
    """Where the run's canary was put, to be found in no published byte; ``canary`` itself shows how it comes out.

    ``ledger_redactions`` is how many secrets were taken out of the facts before this one.
    """

    kind: Literal["canary-planted"] = "canary-planted"
    canary: str
    channels: tuple[str, ...]
    ledger_redactions: int


class Samples(Frozen):
    """The metric samples that gates are judged on. ``partial``: the source said that it may not have given them all."""

    kind: Literal["samples"] = "samples"
    source: str
    started_at: datetime
    finished_at: datetime
    interval_seconds: float
    series: tuple[Series, ...]
    problems: tuple[str, ...] = ()
    partial: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_times(cls, value: object) -> object:
        """Give each series that refers to the times of another one its times."""
        series = value.get("series") if isinstance(value, dict) else None
        if not isinstance(series, list):
            return value
        return {**value, "series": [_timed(one, series) for one in series]} if isinstance(value, dict) else value

    @field_serializer("series", mode="wrap", when_used="json")
    def _compact(self, series: tuple[Series, ...], write: SerializerFunctionWrapHandler) -> list[dict[str, object]]:
        """Write times once, and then the place of the series that has them."""
        written: list[dict[str, object]] = write(series)
        first: dict[tuple[float, ...], int] = {}
        for place, (one, row) in enumerate(zip(series, written, strict=True)):
            if first.setdefault(one.times, place) != place:
                row["times"] = first[one.times]
        return written


def _timed(one: object, series: list[object]) -> object:
    place = one.get("times") if isinstance(one, dict) else None
    if not isinstance(one, dict) or type(place) is not int or not 0 <= place < len(series):
        return one
    other = series[place]
    return {**one, "times": other.get("times")} if isinstance(other, dict) else one


class ItemFinished(Frozen):
    """pytest's word on an item; the verdict comes from its checks. ``reason`` is one paragraph, already redacted."""

    kind: Literal["item-finished"] = "item-finished"
    item: str
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float
    reason: str = ""


class SwitchRestored(Frozen):
    """How one switch was found and left at the end. ``verified`` is how its effect was seen, or why it was not."""

    switch: str
    baseline: str
    found: str | None
    final: str | None
    restored: bool
    by: Literal["drill", "watchdog", "restore", "lease"]
    verified: str = ""


class Restored(Frozen):
    """The end state of every switch that the drill touched."""

    kind: Literal["restored"] = "restored"
    switches: tuple[SwitchRestored, ...]
    problems: tuple[str, ...] = ()


class DrillFinished(Frozen):
    """The last fact: ``completed``, or ``interrupted`` with the reason."""

    kind: Literal["drill-finished"] = "drill-finished"
    outcome: Literal["completed", "interrupted"]
    reason: str = ""


class JudgedGate(Frozen):
    """A gate held against the samples. ``margin`` is the distance to the threshold, positive when inside it."""

    id: str
    title: str
    source: str
    verdict: Verdict
    reason: str
    unit: str
    observed: float | None
    relation: str
    threshold: float | None
    margin: float | None
    window_seconds: float
    runbook_window_seconds: float
    covered_seconds: float
    sample_count: int
    worst: float | None = None
    worst_at: datetime | None = None


class Requirement(Frozen):
    """One thing that a stage decision rests on.

    ``evidence`` are links, relative to the folder of reports; ``remedy`` says what would make it PASS.
    """

    id: str
    title: str
    source: str = ""
    verdict: Verdict
    reason: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""


class RollbackStep(Frozen):
    """The smallest rollback of the runbook. ``settings`` are what to set, ``because`` the gates that turned red."""

    level: int
    title: str
    source: str
    settings: tuple[str, ...]
    because: tuple[str, ...]


class StageDecided(Frozen):
    """Whether the rollout may leave one stage for the next. GO only if every requirement is PASS.

    ``hold_from`` is when the hold began that gates were judged over, ``calendar`` whose business days were counted,
    ``stage_began`` when the stage began and how that is known. ``samples_digest`` is that of the samples' canonical
    JSON. ``drill_id`` names the drill that the decision rests on.
    """

    kind: Literal["stage-decided"] = "stage-decided"
    runbook: str
    runbook_digest: str
    target: str
    environment: Literal["embedded", "staging", "production"]
    from_stage: str
    to_stage: str
    from_title: str
    to_title: str
    value: Literal["GO", "NO-GO"]
    verdict: Verdict
    requirements: tuple[Requirement, ...]
    gates: tuple[JudgedGate, ...]
    hold_from: datetime
    calendar: str
    stage_began_at: datetime | None
    stage_began_by: str
    drill_id: str | None
    samples_source: str
    samples_digest: str | None
    rollback: RollbackStep | None
    operator: str
    decided_at: datetime


Fact = Annotated[
    DrillStarted
    | ItemStarted
    | Check
    | Observation
    | SwitchFlipped
    | LaneProved
    | RuntimeRecovered
    | Disturbance
    | Artefact
    | Recording
    | CanaryPlanted
    | Samples
    | ItemFinished
    | Restored
    | StageDecided
    | DrillFinished,
    Field(discriminator="kind"),
]


class LedgerEntry(Frozen):
    """One line of the ledger. ``hash`` covers every other field, ``previous`` the hash of the line before."""

    seq: int
    at: datetime
    previous: str
    fact: Fact
    hash: str
