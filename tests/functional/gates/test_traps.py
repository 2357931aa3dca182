"""Four ways in which Chaos Toolkit is documented to call a failed experiment a good one, and what happens here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from drills.clock import FrozenClock
from drills.evidence.records import Samples, Series, Verdict
from drills.report.curves import Line, PlotSpec
from drills.report.plots import plot_metric
from drills.rollout.gates_now import lookout
from drills.runbook.load import load_runbook
from drills.verdict.gates import rolling
from tests.functional.gates.conftest import RunDrill, WriteProfile


def test_an_empty_result_does_not_pass(prometheus_url: str, end: datetime, write_profile: WriteProfile) -> None:
    """A tolerance over no values holds for all of them. Here a real server that finds nothing is INCONCLUSIVE."""
    nobody = 'matchers = { job = "nobody" }'
    profile = write_profile(f'kind = "prometheus"\nurl = "{prometheus_url}"\ninterval_seconds = 15\n{nobody}')
    with lookout(str(profile), None, None, FrozenClock(end)) as out:
        judged = out.look()

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert {(gate.verdict, gate.reason) for gate in judged.gates} == {(Verdict.INCONCLUSIVE, "no samples were taken")}


def test_nan_does_not_pass(drill: RunDrill, history: Path, tmp_path: Path) -> None:
    """NaN is neither above nor below a limit. Here a scrape that holds it was not read, and the gate says so."""
    text = re.sub(r"(cycle_sampled_sum\{[^}]*\}) \d+", r"\1 NaN", history.read_text())
    (tmp_path / "nan.om").write_text(text)
    done = drill("gates", "--samples", "nan.om", "--json")

    assert done.exit_code == 10
    assert '"id":"parity-mismatch-rate"' in done.stdout
    assert "241 readings could not be believed" in done.stdout


def test_fractions_are_drawn(end: datetime) -> None:
    """A chart of whole numbers only breaks on the first fraction. Here a rate of 0.003 is a line like any other."""
    gate = load_runbook().gates[0]
    assert gate.id == "parity-mismatch-rate"
    moments = [(end - timedelta(seconds=4800 - step * 15)).timestamp() for step in range(321)]
    samples = Samples(
        source="made up",
        started_at=end - timedelta(seconds=4800),
        finished_at=end,
        interval_seconds=15,
        series=tuple(
            Series(metric=f"openagents_runtime_sync_parity_cycle_{part}_sum", times=tuple(moments), values=values)
            for part, values in (
                ("mismatches", tuple(0.3 * step for step in range(321))),
                ("sampled", tuple(100.0 * step for step in range(321))),
            )
        ),
    )
    points = rolling(gate, samples, disturbances=(), step_seconds=15)
    spec = PlotSpec("Mismatch rate", "ratio", (Line("over 1 h", points),))

    assert {round(value, 9) for _, value in points if value is not None} == {0.003}
    assert plot_metric(spec).startswith(b"\x89PNG")
    assert plot_metric(spec, format="svg").startswith(b"<?xml")


def test_a_failed_precheck_does_not_end_with_zero(write_profile: WriteProfile, tmp_path: Path) -> None:
    """A run that could not even begin exits with 0 there. Here a target that is not up ends the drill with 10."""
    profile = write_profile('kind = "scrape"\nurl = "http://127.0.0.1:9/metrics"')
    for name in ("operator-token", "session-secret", "database-url"):
        (tmp_path / name).write_text("canary-secret")
    done = subprocess.run(
        [sys.executable, "-m", "drills", "run", "--target", str(profile), "--out", "status"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 10, done.stderr
