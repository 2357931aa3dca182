"""Publishes a drill from its ledger once more, plots included: publish_again.py PUBLISHED KEY OUT."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from drills.evidence.ledger import read_ledger
from drills.evidence.publication import LEDGER
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.evidence.signing import SigningKey
from drills.plugin.publishing import judge_run, publish_run
from drills.report.curves import Line, Marker, PlotSpec, Shade
from drills.report.plots import plot_metric
from drills.runbook.model import Runbook
from drills.verdict.gates import rolling
from drills.verdict.judge import judge


def main(published: Path, key: Path, out: Path) -> None:
    """Judge, render and publish into ``out``, and draw the curves beside it."""
    run = RunFolder.create(out, "run")
    for path in published.iterdir():
        shutil.copy(path, run.ledger if path.name == LEDGER else run.artefacts / path.name)
    publish_run(run, judge_run(run), Redactor("canary-fixed"), out / "status", SigningKey.load(key))
    draw(published, out)


def draw(published: Path, out: Path) -> None:
    """Draw the curve of each gate that a report shows, from the samples in the ledger."""
    record = judge(read_ledger(published / LEDGER))
    assert record.samples is not None
    for gate in (one for one in Runbook.model_validate(record.runbook).gates if one.snapshot):
        points = tuple(rolling(gate, record.samples, disturbances=record.disturbances, step_seconds=1))
        spec = PlotSpec(
            title=gate.title,
            unit=gate.unit,
            lines=(Line("rolling", points),),
            markers=tuple(Marker(flip.requested_at, flip.switch) for flip in record.switches),
            shaded=tuple(Shade(one.started_at, one.finished_at, one.reason) for one in record.disturbances),
        )
        (out / f"{gate.id}.png").write_bytes(plot_metric(spec))
        (out / f"{gate.id}.svg").write_bytes(plot_metric(spec, format="svg"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
