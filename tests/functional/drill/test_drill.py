"""The product's main job: one command, a real browser, an embedded staging, and a report that can be acted on."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from drills.evidence.canary import TRACED, Channel
from drills.evidence.ledger import read_ledger
from drills.evidence.records import Lane, LaneProved, Verdict
from drills.verdict.judge import judge


def test_the_drill_passes(outcome: Any) -> None:
    """Exit code 0, every part PASS, and still no GO, because it is a rehearsal on embedded windows."""
    record = outcome.record
    parts = (*record.preconditions, *record.checklist, *record.gates, *record.rollback, *record.required_artefacts)
    assert outcome.code == 0, outcome.output
    assert {part.verdict for part in parts} == {Verdict.PASS}
    assert (record.verdict, record.decision.value) == (Verdict.PASS, "NO-GO")
    assert any("rehearsal" in reason for reason in record.decision.reasons)


def test_every_switch_is_back_and_its_effect_was_seen(outcome: Any) -> None:
    """All five switches were flipped; the surfaces were seen on the lane they came from."""
    restored = {switch.switch: switch for switch in outcome.record.restored.switches}
    assert set(restored) == {"web", "mobile", "desktop", "sink-path", "parity-auditor"}
    assert all(switch.restored for switch in restored.values())
    assert "was seen on the legacy lane" in restored["desktop"].verified


def test_each_lane_was_proved_on_each_surface(outcome: Any) -> None:
    """Khala when enabled, legacy when rolled back, Khala again when recovered."""
    (path,) = outcome.out.glob("*/ledger.jsonl")
    proofs = [entry.fact for entry in read_ledger(path) if isinstance(entry.fact, LaneProved)]
    for surface in ("web", "mobile", "desktop"):
        lanes = [proof.lane for proof in proofs if proof.surface == surface]
        assert lanes == [Lane.KHALA, Lane.LEGACY, Lane.KHALA]


def test_the_record_can_be_computed_again_from_the_ledger(outcome: Any) -> None:
    """Whoever does not trust us judges the published ledger and gets the published record."""
    (path,) = outcome.out.glob("*/ledger.jsonl")
    assert judge(read_ledger(path)) == outcome.record


def test_everything_that_was_promised_is_published(outcome: Any) -> None:
    """Pictures, snapshots, logs, breakdowns, JUnit, HTML and the manifest lie beside the report; the index names it."""
    (folder,) = (path for path in outcome.out.iterdir() if path.is_dir())
    names = {path.name for path in folder.iterdir()}
    assert {"drill.json", "manifest.json", "ledger.jsonl", "junit.xml", "pytest.html", "command-log.txt"} <= names
    assert {f"dashboard-{moment}.png" for moment in ("start", "middle", "end")} <= names
    assert {"parity-mismatch-rate.png", "lag-drift.png", "mismatch-reasons.csv", "mismatch-reasons.json"} <= names
    assert set(json.loads((folder / "manifest.json").read_bytes())["files"][0]) >= {"path", "sha256"}
    assert f"{folder.name}.md" in (outcome.out / "README.md").read_text(encoding="utf-8")


def test_the_report_says_what_a_reviewer_needs_first(outcome: Any) -> None:
    """Verdict and decision stand before anything else; every item, gate and rollback has its line."""
    report = outcome.report
    assert report.index("PASS") < report.index("## Checklist")
    for heading in ("## Checklist", "## SLO gates", "## Rollback", "## Timeline", "## What this drill did not show"):
        assert heading in report
    assert "drill run" in report


def test_the_canary_was_everywhere_and_nothing_was_traced(outcome: Any) -> None:
    """Every run plants its canary in each place that it records; traces and video are off until someone asks."""
    record = outcome.record
    private = outcome.out.parent / "state"

    assert set(record.canary.channels) == {channel.value for channel in Channel if channel not in TRACED}
    assert record.recordings == ()
    assert [path.name for path in private.rglob("*") if path.suffix in {".zip", ".har", ".webm"}] == []
    assert {one.path for one in record.artefacts if one.redactions} >= {"junit.xml", "pytest.html", "command-log.txt"}


def test_junit_tells_the_same_story(outcome: Any) -> None:
    """Ten scenarios, none failed."""
    (path,) = outcome.out.glob("*/junit.xml")
    (suite,) = ET.parse(path).getroot()  # noqa: S314 - our own file
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("10", "0", "0")


def test_progress_is_plain_without_a_terminal(outcome: Any) -> None:
    """One line per entry of the runbook, no escape sequences, the verdict at the end."""
    assert "\x1b" not in outcome.output
    assert "PASS         §5.5 Simulate rollback" in outcome.output
    assert "report: " in outcome.output


def test_a_job_on_github_gets_a_summary(outcome: Any) -> None:
    """Where a step summary is wanted, it is written."""
    assert "PASS" in (outcome.out.parent / "summary.md").read_text(encoding="utf-8")
