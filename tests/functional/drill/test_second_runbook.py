"""Another rollout is another runbook with scenarios of its own; nothing else changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import drills.runbook
import drills.scenarios.ws_rollout
from drills.evidence.records import Verdict

SHIPPED = Path(drills.runbook.__path__[0]) / "ws_rollout.toml"
SCENARIOS = Path(drills.scenarios.ws_rollout.__path__[0])
#: A rehearsal of seconds: the gates judge what little there is.
SHORT = {"DRILL_TARGET_REHEARSAL__WINDOW_SECONDS": "8", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def rollout(staging: Any, run_drill: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A drill of the shipped runbook of the WebSocket-only rollout."""
    words = ("--target", str(staging.profile), "--runbook", "ws_rollout")
    return run_drill(*words, out=tmp_path_factory.mktemp("rollout"), state=staging.state, environment=SHORT)


def test_the_second_runbook_is_drilled_to_its_end(rollout: Any) -> None:
    """Its items, gates, rollbacks and artefacts all pass, and it decides on its own first stage."""
    record = rollout.record
    parts = (*record.preconditions, *record.checklist, *record.gates, *record.rollback, *record.required_artefacts)
    assert rollout.code == 0, rollout.output
    assert {part.verdict for part in parts} == {Verdict.PASS}
    assert [gate.id for gate in record.gates] == [
        "auth-errors",
        "replay-latency",
        "reconnect-storms",
        "slow-consumer-evictions",
    ]
    assert record.decision.stage.startswith("Stage 0")


def test_its_report_tells_nothing_of_the_cutover(rollout: Any) -> None:
    """The words of a report are those of the runbook that was drilled."""
    assert "# Staging drill: WebSocket-Only Rollout Runbook" in rollout.report
    assert [word for word in ("Convex", "Cutover", "Stage A", "parity", "KHALA-022") if word in rollout.report] == []


@pytest.mark.nightly
def test_a_runbook_file_beside_a_profile_is_drilled_and_sees_a_fault(
    staging: Any, run_drill: Any, tmp_path: Path
) -> None:
    """A runbook of one's own, with its folder of scenarios, ends FAIL where a client ignores its flag."""
    shutil.copytree(SCENARIOS, tmp_path / "steps", ignore=shutil.ignore_patterns("__*__*"))
    own = SHIPPED.read_text(encoding="utf-8").replace('"drills.scenarios.ws_rollout"', '"./steps"')
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    profile = staging.profile.read_text(encoding="utf-8").replace('"khala_cutover"', '"own.toml"')
    (tmp_path / "staging.toml").write_text(profile, encoding="utf-8")
    staging.inject("flag-ignored-web")
    try:
        outcome = run_drill(
            *("--target", str(tmp_path / "staging.toml"), "-k", "socket_alone"),
            out=tmp_path / "out",
            state=staging.state,
            environment=SHORT | {"DRILL_TARGET_PATIENCE_SECONDS": "5"},
        )
    finally:
        staging.heal("flag-ignored-web")
    verdicts = {item.id: item.verdict for item in outcome.record.checklist}
    assert outcome.code == 1, outcome.output
    assert (verdicts["socket-alone"], verdicts["resume"]) == (Verdict.FAIL, Verdict.NOT_RUN)
