"""``drill export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from drills.cli.options import explained
from drills.export.grafana import grafana_annotations, grafana_dashboard
from drills.export.prometheus import prometheus_rules
from drills.export.thresholds import unset
from drills.plugin.drill_plan import plan_drill
from drills.plugin.options import EMBEDDED
from drills.rollout.published import verified_record
from drills.runbook.model import Runbook

RUNBOOK = click.option("--runbook", metavar="NAME|FILE", help="The runbook, instead of the target's own.")
PROFILE = click.option("--target", metavar="FILE", help="The target profile whose figures are the thresholds.")
OUTPUT = click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to this file."
)


@click.group()
def export() -> None:
    """Write the runbook's gates out for systems that watch them: the same gates, deterministic files."""


@export.command("prometheus-rules")
@RUNBOOK
@PROFILE
@OUTPUT
@explained
def prometheus_rules_command(runbook: str | None, target: str | None, output: Path | None) -> None:
    """Rules for Prometheus.

    Each gate is recorded, with an alert that it is broken and one that nothing can be said of it.
    """
    _write(prometheus_rules(*_read(runbook, target)), output)


@export.command("grafana")
@RUNBOOK
@PROFILE
@OUTPUT
@explained
def grafana_command(runbook: str | None, target: str | None, output: Path | None) -> None:
    """A dashboard for Grafana.

    It has the required panels and every gate, the thresholds, and annotations of drills.
    """
    _write(grafana_dashboard(*_read(runbook, target)), output)


@export.command("grafana-annotations")
@click.argument("place", metavar="REPORT.md|FOLDER", type=click.Path(path_type=Path))
@OUTPUT
@explained
def grafana_annotations_command(place: Path, output: Path | None) -> None:
    """A published drill for Grafana's annotations.

    Each of them is a body for POST /api/annotations. The drill is verified first.
    """
    _write(grafana_annotations(verified_record(place)), output)


def _read(runbook: str | None, target: str | None) -> tuple[Runbook, Mapping[str, float]]:
    plan = plan_drill(target or EMBEDDED, runbook, allow_production=True)
    settings = plan.profile.objectives.settings() if plan.profile else {}
    for gate, setting in unset(plan.runbook.gates, settings).items():
        click.echo(f"drill: gate {gate} has no threshold: no target says {setting!r}", err=True)
    return plan.runbook, settings


def _write(document: str, output: Path | None) -> None:
    if output is None:
        click.echo(document, nl=False)
        return
    output.write_text(document, encoding="utf-8")
    click.echo(f"written: {output}", err=True)
