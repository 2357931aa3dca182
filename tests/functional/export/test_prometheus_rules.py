"""The exported rules, checked and run by Prometheus's own tool."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from drills.cli import main
from drills.export.prometheus import prometheus_rules
from drills.runbook.load import load_runbook

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian package: prometheus)")

SETTINGS = {"lane-target-ms": 500, "incident-threshold": 0.05}
GATES = {
    "parity-mismatch-rate": "ParityMismatchRate",
    "khala-missing": "KhalaMissing",
    "lag-drift": "LagDrift",
    "replay-catch-up": "ReplayCatchUp",
    "stale-cursor-rate": "StaleCursorRate",
}
PARITY, REPLAY = "openagents_runtime_sync_parity", "openagents_runtime_sync_replay_catchup_duration_ms"
MISSING = f'{PARITY}_entity_count_total{{status="mismatch",reason_class="khala_missing"}}'
STALE = f'{REPLAY}_count{{status="stale_cursor"}}'
#: What a healthy target shows, by its gain at each scrape, twice a minute.
HEALTHY = {
    f"{PARITY}_cycle_sampled_sum": 100,
    f"{PARITY}_cycle_mismatches_sum": 0,
    f'{PARITY}_cycle_count_total{{status="ok"}}': 1,
    f'{PARITY}_entity_abs_lag_drift_bucket{{le="0"}}': 10,
    f'{PARITY}_entity_abs_lag_drift_bucket{{le="5"}}': 10,
    f'{PARITY}_entity_abs_lag_drift_bucket{{le="+Inf"}}': 10,
    f'{REPLAY}_bucket{{status="ok",le="100"}}': 5,
    f'{REPLAY}_bucket{{status="ok",le="1000"}}': 5,
    f'{REPLAY}_bucket{{status="ok",le="+Inf"}}': 5,
    f'{REPLAY}_count{{status="ok"}}': 5,
}
BREAKAGES = {
    "parity-mismatch-rate": {f"{PARITY}_cycle_mismatches_sum": 2},
    "khala-missing": {MISSING: 1},
    "lag-drift": {f'{PARITY}_entity_abs_lag_drift_bucket{{le="0"}}': 1},
    "replay-catch-up": {f'{REPLAY}_bucket{{status="ok",le="100"}}': 1},
    "stale-cursor-rate": {STALE: 1},
}
#: What goes silent with which gates: a series that is gone, and one in which nothing happens any more.
SILENCES: dict[str, tuple[set[str], Mapping[str, float | None]]] = {
    "no audits are counted": ({"parity-mismatch-rate"}, {f"{PARITY}_cycle_sampled_sum": None}),
    "audits compare nothing": ({"parity-mismatch-rate"}, {f"{PARITY}_cycle_sampled_sum": 0}),
    "audits compare too little": ({"parity-mismatch-rate"}, {f"{PARITY}_cycle_sampled_sum": 0.2}),
    "mismatches are not counted": ({"parity-mismatch-rate"}, {f"{PARITY}_cycle_mismatches_sum": None}),
    "no finite bucket": ({"replay-catch-up"}, {name: None for name in HEALTHY if '"100' in name}),
    "no cycles": ({"khala-missing"}, {f'{PARITY}_cycle_count_total{{status="ok"}}': None}),
    "no drift": ({"lag-drift"}, {name: None for name in HEALTHY if "lag_drift" in name}),
    "nobody catches up": ({"replay-catch-up"}, {name: 0 for name in HEALTHY if f"{REPLAY}_bucket" in name}),
    "nobody resumes": ({"stale-cursor-rate"}, {f'{REPLAY}_count{{status="ok"}}': 0}),
    "nothing at all": (set(GATES), dict.fromkeys(HEALTHY)),
}


def firing(shown: Mapping[str, float | None], alerts: set[str], folder: Path, rules: str, steps: int = 300) -> str:
    """Return what promtool says: empty if exactly ``alerts`` fire after two and a half hours of ``shown``."""
    (folder / "rules.yml").write_text(rules)
    severity = {"Broken": "critical", "Unknown": "warning"}
    expected = [
        f'ALERTS{{alertname="{alert}",alertstate="firing",gate="{gate}",runbook="khala-cutover",severity="{word}"}}'
        for gate, name in GATES.items()
        for kind, word in severity.items()
        if (alert := f"{name}Gate{kind}") in alerts
    ]
    test = {
        "interval": "30s",
        "input_series": [
            {"series": name, "values": f"0+{gain}x{steps}"} for name, gain in shown.items() if gain is not None
        ],
        "promql_expr_test": [
            {
                "expr": 'ALERTS{alertstate="firing"}',
                "eval_time": "150m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in expected],
            }
        ],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def rules() -> str:
    """Return the rules for a target that gives all settings."""
    return prometheus_rules(load_runbook(), SETTINGS)


@pytest.mark.parametrize(("runbook", "rules"), [("khala_cutover", 18), ("ws_rollout", 15)])
def test_prometheus_takes_the_rules_as_the_command_writes_them(runbook: str, rules: int, tmp_path: Path) -> None:
    """``drill export prometheus-rules --output FILE`` writes a file in which promtool finds no fault."""
    written = tmp_path / "rules.yml"
    done = CliRunner().invoke(main, ["export", "prometheus-rules", "--runbook", runbook, "--output", str(written)])
    checked = subprocess.run(
        ["promtool", "check", "rules", str(written)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.exit_code, checked.returncode) == (0, 0), checked.stderr
    assert f"{rules} rules found" in checked.stdout


def test_nothing_fires_on_a_healthy_target(tmp_path: Path, rules: str) -> None:
    """Five green gates, no alert: also the counter of missing documents, which does not exist yet, counts as 0."""
    assert firing(HEALTHY, set(), tmp_path, rules) == ""


@pytest.mark.parametrize("gate", GATES)
def test_a_broken_gate_fires_its_own_alert_alone(gate: str, tmp_path: Path, rules: str) -> None:
    """What breaks one gate fires the alert of that gate, and no other."""
    assert firing({**HEALTHY, **BREAKAGES[gate]}, {f"{GATES[gate]}GateBroken"}, tmp_path, rules) == ""


@pytest.mark.parametrize("silence", SILENCES)
def test_silence_is_not_green(silence: str, tmp_path: Path, rules: str) -> None:
    """Series that are gone, or in which nothing happens, fire the alert that nothing can be said."""
    gates, changes = SILENCES[silence]

    assert firing({**HEALTHY, **changes}, {f"{GATES[gate]}GateUnknown" for gate in gates}, tmp_path, rules) == ""


def test_a_target_that_went_away_fires_all_of_them(tmp_path: Path, rules: str) -> None:
    """Twenty minutes after the last scrape, what the last hour held is no longer taken for now."""
    assert firing(HEALTHY, {f"{name}GateUnknown" for name in GATES.values()}, tmp_path, rules, steps=260) == ""


def test_a_gate_without_a_threshold_fires_from_the_start(tmp_path: Path) -> None:
    """No target, no lane target: both gates that wait for a setting say so, and are never green."""
    alerts = {"ReplayCatchUpGateUnknown", "StaleCursorRateGateUnknown"}

    assert firing(HEALTHY, alerts, tmp_path, prometheus_rules(load_runbook(), {})) == ""


def test_an_alert_that_does_not_fire_is_found(tmp_path: Path, rules: str) -> None:
    """The checks above fail where an alert is expected that does not come."""
    assert "ParityMismatchRateGateBroken" in firing(HEALTHY, {"ParityMismatchRateGateBroken"}, tmp_path, rules)
