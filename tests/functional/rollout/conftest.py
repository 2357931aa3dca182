"""A staging that is rolled out: its metrics of the last days, its profile, and a full drill of it.

The drill is the published one of the embedded staging, told again as if a real staging had been drilled for two hours:
a real full drill takes longer than any test may.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drills.cli import main
from drills.clock import FrozenClock
from drills.evidence.decisions import read_decisions
from drills.evidence.ledger import Ledger, read_ledger
from drills.evidence.records import DrillStarted, Fact, LedgerEntry, Samples, Series, StageDecided, TargetFacts
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.plugin.publishing import judge_run, publish_run, recent_decisions
from drills.runbook.load import load_runbook
from drills.target.environment import target_facts
from drills.target.profile import load_profile
from tests.functional.history import CUTOVER

#: How many days of metrics there are, and how far apart scrapes are.
HOURS, DAYS, STEP = 0.125, 6, 300
STATUS = Path(__file__).parents[3] / "docs" / "sync" / "status"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
PREFIX = "openagents_runtime_"
MISMATCHES = "sync_parity_cycle_mismatches_sum"
PROFILE = """
name = "staging-eu"
environment = "staging"
operator = "R. Operator"
calendar = {{ country = "DE", subdivision = "BY", time_zone = "Europe/Berlin" }}

[objectives]
lane_target_ms = 500
incident_threshold = 0.05

[operator_api]
url = "http://127.0.0.1:9/operator"
token = {{ env = "STAGING_OPERATOR_TOKEN" }}

[khala]
socket_url = "ws://127.0.0.1:9/sync/socket/websocket"

[metrics]
{metrics}

[surfaces.web]
kind = "browser"
title = "Web admin"
url = "http://127.0.0.1:9/"
legacy = {{ request = "http://127.0.0.1:9/api/workers", interval_seconds = 5 }}
"""


@dataclass(frozen=True)
class Past:
    """What a target's metrics show at each scrape, until ``end``. ``pace`` is the gain from scrape to scrape."""

    end: datetime
    seconds: int
    step: int
    pace: Mapping[str, float]

    def series(self) -> dict[tuple[str, str], list[tuple[float, float]]]:
        """Return the samples of each series by name and labels."""
        count, begin = self.seconds // self.step, int(self.end.timestamp()) - self.seconds
        return {
            (f"{PREFIX}{family}{part}", f'job="runtime",instance="a"{labels}'): [
                (begin + at * self.step, at * self.pace.get(f"{family}{part}", gain)) for at in range(count + 1)
            ]
            for family, _, parts in CUTOVER
            for part, labels, gain in parts
        }

    def openmetrics(self) -> str:
        """Return all of it as OpenMetrics."""
        kinds = {family: kind for family, kind, _ in CUTOVER}
        found = self.series()
        text = ""
        for family, kind in kinds.items():
            mine = {key: points for key, points in found.items() if key[0].startswith(f"{PREFIX}{family}")}
            text += f"# TYPE {PREFIX}{family} {kind}\n"
            for points in zip(*mine.values(), strict=True):
                text += "".join(
                    f"{name}{{{labels}}} {value} {moment}\n"
                    for (name, labels), (moment, value) in zip(mine, points, strict=True)
                )
        return text + "# EOF\n"

    def samples(self) -> Samples:
        """Return all of it as a source would."""
        series = (
            Series(
                metric=name,
                labels=dict(re.findall(r'(\w+)="([^"]*)"', labels)),
                times=tuple(moment for moment, _ in points),
                values=tuple(value for _, value in points),
            )
            for (name, labels), points in self.series().items()
        )
        return Samples(
            source="http://127.0.0.1:9/metrics",
            started_at=self.end - timedelta(seconds=self.seconds),
            finished_at=self.end,
            interval_seconds=self.step,
            series=tuple(series),
        )


@dataclass(frozen=True)
class Rollout:
    """A staging with a full drill in ``out``, asked about its stages over the command line."""

    home: Path

    @property
    def out(self) -> Path:
        """Where its drills and decisions are published."""
        return self.home / "status"

    def watched(self, days: float, **pace: float) -> Path:
        """Write its metrics of the past to a file, and a profile that names it; ``pace`` changes single series."""
        past = Past(datetime.now(UTC), round(days * 86_400), STEP, pace)
        file = self.home / f"{days}.om"
        file.write_text(past.openmetrics())
        return self.with_metrics(f'kind = "openmetrics"\npath = "{file.name}"')

    def drilled(self, *, ago: timedelta = timedelta(hours=1), **target: object) -> Path:
        """Publish a full drill that ended so long ago, and return its folder; ``target`` changes what was drilled."""
        facts = target_facts(load_profile(self.profile)).model_copy(update=target)
        return publish_full_drill(self.home / "runs", self.out, facts, datetime.now(UTC) - ago)

    @property
    def profile(self) -> Path:
        """Its target profile, with metrics that are enough for a stage without a hold."""
        return self.with_metrics(f'kind = "openmetrics"\npath = "{HOURS}.om"')

    @property
    def long_watched(self) -> Path:
        """Its target profile, with metrics that are enough for a business day and the longest row of holidays."""
        return self.with_metrics(f'kind = "openmetrics"\npath = "{DAYS}.om"')

    def with_metrics(self, metrics: str, extra: str = "") -> Path:
        """Write its target profile with another section of metrics, and return its path."""
        path = self.home / "staging.toml"
        path.write_text(PROFILE.format(metrics=metrics) + extra)
        return path

    def ask(self, *words: str, profile: Path | None = None) -> tuple[int, str]:
        """Run ``drill promote`` and return its exit code and everything it says."""
        target = str(profile or self.profile)
        done = CliRunner().invoke(main, ["promote", "--target", target, "--out", str(self.out), *words])
        return done.exit_code, done.output

    @property
    def decisions(self) -> tuple[StageDecided, ...]:
        """What was decided so far."""
        return tuple(entry.decided for entry in read_decisions(self.out))


def publish_full_drill(runs: Path, out: Path, target: TargetFacts, ended: datetime) -> Path:
    """Publish the drill of the repository as a full drill of ``target`` that ended at ``ended``."""
    published = max(STATUS.glob("*-khala-cutover-embedded-drill*/ledger.jsonl"))
    entries = read_ledger(published)
    shift = ended - entries[-1].at
    folder = RunFolder.create(runs, f"full-{ended:%Y%m%d-%H%M%S}")
    clock = FrozenClock(ended)
    with Ledger.create(folder.ledger, clock, Redactor()) as ledger:
        for entry in entries:
            clock.moment = entry.at + shift
            ledger.append(_told_again(entry, shift, target, ended))
            for decided in recent_decisions(out, "khala-cutover") if entry.seq == 1 else ():
                ledger.append(decided)
    for file in published.parent.iterdir():
        shutil.copy(file, folder.artefacts / file.name)
    return publish_run(folder, judge_run(folder), Redactor(), out).folder


def _told_again(entry: LedgerEntry, shift: timedelta, target: TargetFacts, ended: datetime) -> Fact:
    fact = entry.fact
    if isinstance(fact, Samples):
        return Past(ended, 2 * 3600, 15, {}).samples()
    moved = MOMENT.sub(lambda found: (datetime.fromisoformat(found[0]) + shift).isoformat(), fact.model_dump_json())
    again = type(fact).model_validate_json(moved)
    if isinstance(again, DrillStarted):
        drill_id, runbook = f"{ended:%Y%m%d-%H%M%S}-full", load_runbook().model_dump(mode="json")
        return again.model_copy(
            update={"drill_id": drill_id, "slug": "full-drill", "target": target, "runbook": runbook, "faults": ()}
        )
    return again


@pytest.fixture(autouse=True)
def private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the locks of these decisions out of the user's own state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def well_rolled_out(tmp_path_factory: pytest.TempPathFactory) -> Rollout:
    """Return a staging whose gates were green for six days, and whose full drill passed an hour ago; leave it so."""
    staging = Rollout(tmp_path_factory.mktemp("rollout"))
    staging.watched(HOURS)
    staging.watched(DAYS)
    staging.drilled()
    return staging


@pytest.fixture
def rollout(well_rolled_out: Rollout, tmp_path: Path) -> Rollout:
    """Return a copy of it."""
    shutil.copytree(well_rolled_out.home, tmp_path, dirs_exist_ok=True)
    return Rollout(tmp_path)
