"""The drill on a staging of parts that this project did not write and does not know by name."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Verdict
from tests.real_staging.assembly import FEATURES, RealStaging, assembled

ROOT = Path(__file__).parents[2]
#: Where npm put Unleash, where the profile is written and where the report goes; ``nox -s real_staging`` sets them.
PACKAGE, PROFILES, OUT = "REAL_STAGING_UNLEASH", "REAL_STAGING_PROFILES", "REAL_STAGING_OUT"
DRILL = (sys.executable, "-m", "drills")
PATIENCE_SECONDS = 400
TEXTS = {".md", ".json", ".jsonl", ".txt", ".csv", ".xml", ".html", ".ndjson", ".svg"}


@dataclass(frozen=True)
class Outcome:
    """What the drill left behind."""

    code: int
    output: str
    report: Path

    @property
    def folder(self) -> Path:
        """The folder beside the report."""
        return self.report.with_suffix("")

    @property
    def record(self) -> DrillRecord:
        """What was judged."""
        return DrillRecord.model_validate_json((self.folder / "drill.json").read_bytes())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStaging]:
    """A staging that is up."""
    if not (package := os.environ.get(PACKAGE)):
        pytest.skip("no Unleash here: nox -s real_staging installs it")
    folder = tmp_path_factory.mktemp("real")
    with assembled(folder, Path(package), Path(os.environ.get(PROFILES) or folder)) as staging:
        yield staging


@pytest.fixture(scope="module")
def outcome(real: RealStaging, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A drill that was told nothing but the profile."""
    folder = tmp_path_factory.mktemp("drill")
    out = os.environ.get(OUT) or str(folder / "status")
    done = drill("run", "--target", os.path.relpath(real.profile, ROOT), "--out", out, real=real, state=folder)
    reports = re.findall(r"^report: (.+\.md)$", done.stdout, re.MULTILINE)
    assert reports, done.stdout + done.stderr
    return Outcome(done.returncode, done.stdout + done.stderr, ROOT / reports[-1])


def drill(*words: str, real: RealStaging, state: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the drill in the checkout, to whose commits its report refers."""
    environment = {**os.environ, **real.secrets, "XDG_STATE_HOME": str(state), "NO_COLOR": "1"}
    return subprocess.run(
        [*DRILL, *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_drill_passes(outcome: Outcome) -> None:
    """Exit code 0, every part PASS, and no GO only because the windows are those of a rehearsal."""
    record = outcome.record
    items = (*record.preconditions, *record.checklist)
    verdicts = {one.verdict for one in items} | {one.verdict for one in record.gates}
    verdicts |= {one.verdict for one in record.rollback} | {one.verdict for one in record.required_artefacts}
    assert outcome.code == 0, outcome.output
    assert verdicts == {Verdict.PASS}
    assert (record.verdict, record.target.environment) == (Verdict.PASS, "staging")


def test_the_samples_are_those_of_prometheus(outcome: Outcome, real: RealStaging) -> None:
    """The gates were judged from what Prometheus had scraped, of every metric that they need."""
    samples = outcome.record.samples
    assert samples is not None
    assert real.urls["prometheus"] in samples.source
    assert samples.series


def test_every_flag_was_flipped_in_unleash_and_is_back(outcome: Outcome, real: RealStaging) -> None:
    """Unleash's own log of events holds each flip, and each flag is off again."""
    assert outcome.code == 0
    headers = {"Authorization": real.secrets["STAGING_UNLEASH_TOKEN"]}
    with httpx2.Client(base_url=f"{real.urls['unleash']}/api/admin", headers=headers, trust_env=False) as unleash:
        for feature in FEATURES.values():
            events = unleash.get(f"/events/{feature}").raise_for_status().json()["events"]
            flips = [event["type"] for event in reversed(events) if event["type"].startswith("feature-environment-")]
            assert flips[:4] == ["feature-environment-enabled", "feature-environment-disabled"] * 2
            assert flips[-1] == "feature-environment-disabled"


def test_nobody_gets_to_the_web_admin_without_the_login(real: RealStaging) -> None:
    """The proxy lets only those through whom Unleash knows."""
    assert httpx2.get(f"{real.urls['web']}/", trust_env=False).status_code == 401


def test_the_published_report_can_be_verified(outcome: Outcome, real: RealStaging, tmp_path: Path) -> None:
    """Digests, chain and verdicts hold for whoever has nothing but the files."""
    done = drill("verify", str(outcome.report), real=real, state=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not os.environ.get(OUT), reason="what is published elsewhere names that place in its command")
def test_the_published_files_tell_no_secret_and_no_machine(outcome: Outcome, real: RealStaging) -> None:
    """Loopback addresses are all that is told of where it ran."""
    paths = [outcome.report, *(path for path in outcome.folder.rglob("*") if path.suffix in TEXTS)]
    words = [*real.secrets.values(), socket.gethostname(), tempfile.gettempdir(), str(ROOT), str(Path.home())]
    told = [(path.name, word[:12]) for path in paths for word in words if tells(path, word)]
    assert told == []


def tells(path: Path, word: str) -> bool:
    """Whether ``word`` stands by itself in a file."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", path.read_text(encoding="utf-8")) is not None
