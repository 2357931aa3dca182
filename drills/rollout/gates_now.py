"""The gates of a runbook as they stand now, without a drill: nothing is flipped, samples are read and judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from drills.clock import Clock
from drills.errors import ConfigurationError, MetricsUnavailable
from drills.evidence.records import Frozen, JudgedGate, Samples, Verdict
from drills.plugin.drill_plan import plan_drill
from drills.plugin.options import EMBEDDED
from drills.runbook.load import KHALA_CUTOVER, load_runbook
from drills.runbook.model import Runbook
from drills.target.fields import read_secret
from drills.target.metrics.openmetrics import OpenMetricsFile
from drills.target.metrics.settings import OpenMetricsSettings, ScrapeSettings
from drills.target.metrics.sources import metric_source
from drills.target.ports import MetricSource
from drills.target.profile import Profile
from drills.verdict.gates import judge_gate, metrics_of
from drills.verdict.items import worst
from drills.verdict.recording import Recording

#: Scrapes beyond a window that are asked for, so that the window is full.
SPARE_SCRAPES = 2


class GatesNow(Frozen):
    """Every gate of a runbook at one moment. ``problems`` are what the source reported."""

    target: str
    runbook: str
    source: str
    since: datetime
    judged_at: datetime
    verdict: Verdict
    gates: tuple[JudgedGate, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookout:
    """From where gates are looked at. Without a ``profile`` no threshold is known that only a profile gives.

    ``file`` holds what was; without it ``live`` is asked for what is.
    """

    runbook: Runbook
    profile: Profile | None
    clock: Clock
    file: OpenMetricsFile | None = None
    live: MetricSource | None = None

    @property
    def window_seconds(self) -> float:
        """The longest window of any gate."""
        rehearsal = self.profile.rehearsal if self.profile else None
        longest = max(gate.window_seconds for gate in self.runbook.gates)
        return min(longest, rehearsal.window_seconds) if rehearsal else longest

    @property
    def pace_seconds(self) -> float:
        """How often there can be something new to see."""
        return max(1.0, self.live.interval_seconds) if self.live else 1.0

    @property
    def watch_seconds(self) -> float:
        """How long a source that remembers nothing must be watched before every window is full."""
        if self.profile is None or not isinstance(self.profile.metrics, ScrapeSettings) or self.file:
            return 0.0
        return self.window_seconds + SPARE_SCRAPES * self.profile.metrics.interval_seconds

    def look(self) -> GatesNow:
        """Judge every gate at the end of the file, or else now; a source that fails is a problem in the result."""
        end = self.file.end if self.file else self.clock.now()
        samples = self._samples(end)
        recording = Recording.of(samples)
        gates = tuple(
            judge_gate(
                gate,
                recording,
                settings=self.profile.objectives.settings() if self.profile else {},
                disturbances=(),
                period=(end - timedelta(seconds=self.window_seconds), end),
                rehearsal_window_seconds=self.window_seconds if self.profile and self.profile.rehearsal else None,
            )
            for gate in self.runbook.gates
        )
        return GatesNow(
            target=self.profile.name if self.profile else "",
            runbook=self.runbook.id,
            source=samples.source,
            since=samples.started_at,
            judged_at=end,
            verdict=worst(gate.verdict for gate in gates),
            gates=gates,
            problems=samples.problems,
        )

    def _samples(self, end: datetime) -> Samples:
        source = self.file or self.live
        assert source is not None, "a lookout has a file or a live source"  # noqa: S101
        start = end - timedelta(seconds=self.window_seconds + self._spare())
        wanted = frozenset(name for gate in self.runbook.gates for name in metrics_of(gate))
        try:
            return source.samples(wanted, start, end)
        except MetricsUnavailable as error:
            address = self.profile.metrics.address if self.profile else ""
            problem = f"{error.message} (next: {error.remedy})" if error.remedy else error.message
            return Samples(
                source=address, started_at=start, finished_at=end, interval_seconds=0.0, series=(), problems=(problem,)
            )

    def _spare(self) -> float:
        return SPARE_SCRAPES * self.live.interval_seconds + self.live.latency_seconds if self.live else 0.0


@contextmanager
def lookout(target: str, samples: Path | None, runbook: str | None, clock: Clock) -> Iterator[Lookout]:
    """Open what the gates of ``target`` are judged on: the file ``samples`` if given, or else the target's own metrics.

    Raises:
        ConfigurationError: there is nothing to look at, or the profile or the runbook is wrong.
        MetricsUnavailable: the file cannot be used.
    """
    if samples is None and target == EMBEDDED:
        raise ConfigurationError(
            "an embedded staging lives only as long as its drill: there is none to look at",
            remedy="`drill staging up --profile staging.toml`, then `drill gates --target staging.toml` beside it",
        )
    profile, followed = _plan(target, runbook)
    past = OpenMetricsSettings(kind="openmetrics", path=samples) if samples else profile and profile.metrics
    if isinstance(past, OpenMetricsSettings):
        yield Lookout(followed, profile, clock, file=OpenMetricsFile(past))
        return
    assert profile is not None, "without samples there is a target"  # noqa: S101
    with metric_source(profile.metrics, clock=clock, read=read_secret) as live:
        yield Lookout(followed, profile, clock, live=live)


def _plan(target: str, runbook: str | None) -> tuple[Profile | None, Runbook]:
    if target == EMBEDDED:
        return None, load_runbook(runbook or KHALA_CUTOVER)
    plan = plan_drill(target, runbook, allow_production=True)
    return plan.profile, plan.runbook
