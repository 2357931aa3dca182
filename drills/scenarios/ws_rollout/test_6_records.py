"""§5.6: record pictures of the gates and a log of commands."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.exhibits import keep_command_log, keep_metric_snapshots
from drills.scenarios.steady import watch_steady_state


@pytest.mark.checklist("records")
def test_records_are_kept(drill: Drill) -> None:
    """A picture of each gate that the runbook wants one of, and what was typed."""
    watch_steady_state(drill)
    keep_metric_snapshots(drill)
    keep_command_log(drill)
    wanted = sum(gate.snapshot is not None for gate in drill.runbook.gates)
    pictures = {artefact.category for artefact in drill.kept} & {gate.snapshot for gate in drill.runbook.gates}
    drill.check("pictures", "Gates with a picture", len(pictures), Relation.EQUAL, wanted, unit="gates")
    drill.holds("log", "A log of commands", observed=any(kept.category == "command-log" for kept in drill.kept))
