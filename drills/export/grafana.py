"""The required dashboard as Grafana takes it: its panels, the gates' thresholds, and annotations of drills.

Panels ask the metrics themselves, not recorded rules, so that the dashboard works without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from drills.evidence.drill_record import DrillRecord
from drills.export.thresholds import breaking, threshold
from drills.runbook.model import Gate, Panel, Runbook
from drills.runbook.promql import expression, judged_seconds, span

#: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
SCHEMA_VERSION = 39
TAG = "drill"
#: Grafana's grid has 24 columns.
WIDTH, HEIGHT = 12, 8
UNITS = {"ratio": "percentunit", "ms": "ms"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}

Json = dict[str, object]


def grafana_dashboard(runbook: Runbook, settings: Mapping[str, float]) -> str:
    """Return the dashboard (JSON) that ``runbook`` requires, with the thresholds in ``settings``.

    The same runbook and settings give the same bytes. First come the required panels, then one for each gate that
    none of them shows.
    """
    gates = {gate.id: gate for gate in runbook.gates}
    shown = {panel.gate for panel in runbook.panels}
    panels = [_required(panel, gates.get(panel.gate or ""), settings) for panel in runbook.panels]
    panels += [_gate(gate, settings) for gate in runbook.gates if gate.id not in shown]
    return _text(
        {
            "uid": f"{runbook.id}-parity"[:40],
            "title": f"Parity: {runbook.title}",
            "description": f"Written by `drill export grafana` from the runbook, version {runbook.version}.",
            "tags": [TAG, runbook.id],
            "schemaVersion": SCHEMA_VERSION,
            "timezone": "utc",
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "annotations": {"list": _annotations(runbook)},
            "templating": {"list": [_source_variable()]},
            "panels": [{**panel, **_place(index)} for index, panel in enumerate(panels)],
        }
    )


def grafana_annotations(record: DrillRecord) -> str:
    """Return a drill as annotations (JSON list): each one a body for ``POST /api/annotations``.

    The drill itself, each of its disturbances, and each switch it flipped, in the order of time.
    """
    name = f"Drill {record.drill_id} on {record.target.name}"
    spans = [(record.started_at, record.finished_at, f"{name}: {record.verdict}")]
    spans += [(one.started_at, one.finished_at, f"{name} disturbs: {one.reason}") for one in record.disturbances]
    spans += [
        (one.requested_at, one.confirmed_at, f"{name}: {one.switch} {one.before} → {one.after}")
        for one in record.switches
    ]
    runbook = record.runbook.get("id") if isinstance(record.runbook, dict) else None
    tags = [TAG, str(runbook or record.slug)]
    return _text(
        [
            {"time": _milliseconds(begin), "timeEnd": _milliseconds(end), "tags": tags, "text": text}
            for begin, end, text in sorted(spans)
        ]
    )


def _required(panel: Panel, gate: Gate | None, settings: Mapping[str, float]) -> Json:
    evidence = gate.evidence if gate else None
    queries = [
        (
            expression(panel.measure, window, by=panel.by, evidence=evidence),
            f"{{{{{panel.by}}}}}" if panel.by else span(window),
        )
        for window in panel.windows
    ]
    return _panel(f"{panel.source} {panel.title}", panel.unit, queries, gate, settings)


def _gate(gate: Gate, settings: Mapping[str, float]) -> Json:
    window = judged_seconds(gate)
    queries = [(expression(gate.measure, window, evidence=gate.evidence), span(window))]
    return _panel(f"{gate.source} {gate.title}", gate.unit, queries, gate, settings)


def _panel(
    title: str, unit: str, queries: Iterable[tuple[str, str]], gate: Gate | None, settings: Mapping[str, float]
) -> Json:
    limit = threshold(gate, settings) if gate else None
    return {
        "type": "timeseries",
        "title": title,
        "description": _must_be(gate, limit),
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for index, (expr, legend) in enumerate(queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": UNITS.get(unit, "short"),
                "custom": {"spanNulls": False, "thresholdsStyle": {"mode": "line" if limit is not None else "off"}},
                "thresholds": {"mode": "absolute", "steps": list(_steps(gate, limit))},
            },
            "overrides": [],
        },
    }


def _must_be(gate: Gate | None, limit: float | None) -> str:
    if gate is None:
        return ""
    if limit is None:
        return f"{gate.title}. The target gives no threshold: the gate cannot be judged."
    return f"{gate.title}. Broken when {breaking(gate)} {limit:.10g}."


def _steps(gate: Gate | None, limit: float | None) -> Iterator[Json]:
    """Yield the colours from below: blue is inside, orange outside, which a colour-blind reader can tell apart."""
    if gate is None or limit is None:
        yield {"color": "blue", "value": None}
        return
    inside_below = breaking(gate).startswith(">")
    yield {"color": "blue" if inside_below else "orange", "value": None}
    yield {"color": "orange" if inside_below else "blue", "value": limit}


def _place(index: int) -> Json:
    row, column = divmod(index, 24 // WIDTH)
    return {"id": index + 1, "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT}}


def _annotations(runbook: Runbook) -> list[Json]:
    return [
        {
            "name": "Drills",
            "datasource": GRAFANA,
            "enable": True,
            "iconColor": "purple",
            "target": {"type": "tags", "tags": [TAG, runbook.id], "matchAny": False, "limit": 100},
        },
        {
            "name": "Broken gates",
            "datasource": SOURCE,
            "enable": True,
            "iconColor": "orange",
            "expr": f'ALERTS{{alertstate="firing",runbook="{runbook.id}",severity="critical"}}',
        },
    ]


def _source_variable() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
