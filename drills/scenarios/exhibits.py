"""Artefacts that a drill keeps: dashboard pictures, metric snapshots, mismatch reasons, logs."""

from __future__ import annotations

import httpx2
import orjson

from drills.errors import TargetUnreachable
from drills.evidence.records import Samples
from drills.evidence.tables import csv_table
from drills.plugin.drill import Drill
from drills.report.curves import Line, Marker, PlotSpec, Shade, Threshold
from drills.report.plots import plot_metric
from drills.runbook.model import Comparison, Gate
from drills.scenarios.steady import gate_window
from drills.verdict.gates import metrics_of, rolling

ENTITIES = "openagents_runtime_sync_parity_entity_count"
LOG_LIMIT = 200_000


def dashboard_picture(drill: Drill, moment: str) -> int | None:
    """Keep a picture of the parity dashboard and return how many panels it drew, None when it could not be seen."""
    links = drill.environment.profile.links
    if links.dashboard is None:
        _no_dashboard(drill, moment, "the target names none: give links.dashboard")
        return None
    try:
        picture, panels = drill.browser.picture_of(links.dashboard, links.panel, links.dashboard_headers)
    except TargetUnreachable as error:
        _no_dashboard(drill, moment, error.message)
        return None
    drill.keep(
        f"dashboard-{moment}.png",
        picture,
        category="dashboard-screenshot",
        title=f"Parity dashboard, {moment} of the drill",
        media_type="image/png",
    )
    return panels


def _no_dashboard(drill: Drill, moment: str, reason: str) -> None:
    drill.observe(f"dashboard-{moment}", "The dashboard could not be seen", {"error": reason})


def keep_breakdown(drill: Drill) -> None:
    """Keep how many entities were compared with which outcome, as CSV and JSON."""
    counts = drill.environment.metrics.breakdown(ENTITIES, "reason_class")
    title = "Entities compared by the parity auditor, by reason class"
    rows = sorted((reason, int(count)) for reason, count in counts.items())
    for name, content, media_type in (
        ("mismatch-reasons.csv", csv_table(["reason_class", "entities"], rows), "text/csv"),
        ("mismatch-reasons.json", orjson.dumps(dict(rows), option=orjson.OPT_INDENT_2) + b"\n", "application/json"),
    ):
        drill.keep(name, content, category="reason-breakdown", title=title, media_type=media_type)


def keep_metric_snapshots(drill: Drill) -> None:
    """Keep a picture of each metric that the runbook wants one of, with threshold, switch moments and disturbances."""
    for gate in drill.runbook.gates:
        if gate.snapshot:
            _keep_snapshot(drill, gate, gate.snapshot)


def keep_runtime_log(drill: Drill) -> None:
    """Keep what the runtime logged of the parity auditor; a log that cannot be had is observed as such."""
    url = drill.environment.profile.links.logs
    if url is None:
        return
    try:
        answer = httpx2.get(url, timeout=10, trust_env=False)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        drill.observe("runtime-log", "The runtime log could not be read", {"error": str(error)})
        return
    content = answer.content[-LOG_LIMIT:] or b'{"note":"the runtime logged no parity failure during this drill"}\n'
    drill.keep(
        "runtime-log.ndjson",
        content,
        category="runtime-log",
        title="Runtime log, component=sync_parity_auditor",
        media_type="application/x-ndjson",
    )


def keep_command_log(drill: Drill) -> None:
    """Keep what was run and what was done on the console, with times."""
    lines = [f"$ {drill.started.command}", *drill.commands]
    drill.keep(
        "command-log.txt",
        ("\n".join(lines) + "\n").encode(),
        category="command-log",
        title="Commands of this drill",
        media_type="text/plain",
    )


def _keep_snapshot(drill: Drill, gate: Gate, category: str) -> None:
    samples = drill.samples(metrics_of(gate))
    for suffix, media_type in (("png", "image/png"), ("svg", "image/svg+xml")):
        drill.keep(
            f"{gate.id}.{suffix}",
            plot_metric(_picture(drill, gate, samples), format="png" if suffix == "png" else "svg"),
            category=category,
            title=f"{gate.title}, during the drill",
            media_type=media_type,
        )


def _picture(drill: Drill, gate: Gate, samples: Samples) -> PlotSpec:
    window = gate_window(drill, gate)
    points = rolling(
        gate,
        samples,
        disturbances=drill.disturbances,
        step_seconds=samples.interval_seconds,
        window_seconds=window,
    )
    return PlotSpec(
        title=gate.title,
        unit=gate.unit,
        lines=(Line(f"over {window:g} s", tuple(points)),),
        threshold=_threshold(drill, gate),
        markers=tuple(
            Marker(flip.requested_at, f"{flip.switch}: {flip.before} → {flip.after}") for flip in drill.flips
        ),
        shaded=tuple(Shade(one.started_at, one.finished_at, one.reason) for one in drill.disturbances),
    )


def _threshold(drill: Drill, gate: Gate) -> Threshold | None:
    objective = gate.objective
    if not isinstance(objective, Comparison):
        return None
    value = objective.threshold
    if value is None and objective.setting is not None:
        value = drill.started.target.settings.get(objective.setting)
    return None if value is None else Threshold(value, objective.relation, "gate")
