"""§5.6: record artefacts: dashboard pictures, metric snapshots, mismatch reasons, logs, commits and issue."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.exhibits import (
    dashboard_picture,
    keep_breakdown,
    keep_command_log,
    keep_metric_snapshots,
    keep_runtime_log,
)
from drills.scenarios.second_witness import check_second_witness, probing
from drills.scenarios.steady import watch_steady_state

MOMENTS = 3


@pytest.mark.checklist("artefacts")
def test_artefacts_are_recorded(drill: Drill) -> None:
    """Everything that the runbook wants kept is kept, and the drill is tied to a commit and an issue."""
    dashboard_picture(drill, "end")
    keep_breakdown(drill)
    keep_runtime_log(drill)
    with probing(drill) as probe:
        watch_steady_state(drill)
    if probe:
        check_second_witness(drill, probe)
    keep_metric_snapshots(drill)
    keep_command_log(drill)
    for category, wanted, title in (
        ("dashboard-screenshot", MOMENTS, "Dashboard pictures: start, middle and end"),
        ("mismatch-rate-snapshot", 1, "Snapshots of the mismatch rate"),
        ("lag-drift-snapshot", 1, "Snapshots of the lag drift"),
        ("reason-breakdown", 2, "Breakdown of mismatch reasons, as CSV and JSON"),
        ("command-log", 1, "Logs of the commands of this drill"),
        ("runtime-log", 1, "Runtime logs with component=sync_parity_auditor"),
    ):
        kept = [artefact for artefact in drill.kept if artefact.category == category]
        drill.check(
            category, title, len(kept), Relation.AT_LEAST, wanted, unit="files", evidence=[found.id for found in kept]
        )
    provenance = drill.started.provenance
    drill.holds("commit", "The commit under drill is known", observed=provenance.commit is not None)
    drill.check("issue", "Issue that this drill is recorded under", drill.started.issue, Relation.NOT_EQUAL, "")
