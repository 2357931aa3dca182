from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from drills.cli import main
from drills.evidence.drill_record import DrillRecord
from drills.export.grafana import grafana_annotations, grafana_dashboard
from drills.export.prometheus import prometheus_rules
from drills.runbook.load import load_runbook
from drills.runbook.model import Gauge, Increase, Selector
from drills.runbook.promql import events, series, value

RUNBOOK = load_runbook()
SETTINGS = {"lane-target-ms": 500.0, "incident-threshold": 0.05}
STATUS = Path(__file__).parents[3] / "docs" / "sync" / "status"


def lost(given: Any, back: Any, place: str = "") -> list[str]:
    """Return the places of what is in ``given`` and not, or not the same, in ``back``."""
    if isinstance(given, dict) and isinstance(back, dict):
        return [found for key, one in given.items() for found in lost(one, back.get(key), f"{place}/{key}")]
    if isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        return [
            found for at, pair in enumerate(zip(given, back, strict=True)) for found in lost(*pair, f"{place}/{at}")
        ]
    return [] if given == back else [place]


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    """Return the dashboard for a target that gives all settings."""
    document = json.loads(grafana_dashboard(RUNBOOK, SETTINGS))
    assert isinstance(document, dict)
    return document


def test_the_dashboard_is_one_that_grafana_knows(dashboard: dict[str, Any]) -> None:
    """Every field is one of Grafana's own schema: reading it with Grafana's library and writing it loses nothing."""
    back = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))

    assert lost(dashboard, back) == []
    assert lost({**dashboard, "colour": "blue"}, back) == ["/colour"]


def test_the_dashboard_has_the_required_panels_and_every_gate(dashboard: dict[str, Any]) -> None:
    """The five panels come first, in the runbook's order; gates that none of them shows follow."""
    assert [panel["title"] for panel in dashboard["panels"]] == [
        *(f"{panel.source} {panel.title}" for panel in RUNBOOK.panels),
        "§3.4 Replay catch-up p95 stays within lane target",
        "§3.5 Stale cursor rate remains below incident threshold for the cohort",
    ]
    assert len(RUNBOOK.panels) == 5
    assert [target["legendFormat"] for target in dashboard["panels"][0]["targets"]] == ["5m", "1h"]


def test_panels_have_ids_and_places_of_their_own(dashboard: dict[str, Any]) -> None:
    """Grafana lays panels out by these: no two are the same."""
    ids = [panel["id"] for panel in dashboard["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]

    assert ids == sorted(set(ids))
    assert len(places) == len(set(places))


def test_a_threshold_is_drawn_where_the_gate_has_one() -> None:
    """The lane target of the profile is drawn; without a profile the panel says that there is none."""
    with_target, without = (json.loads(grafana_dashboard(RUNBOOK, given))["panels"][5] for given in (SETTINGS, {}))

    assert with_target["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {"color": "orange", "value": 500.0}
    assert len(without["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1
    assert "gives no threshold" in without["description"]


def test_drills_are_annotated() -> None:
    """The dashboard looks for annotations with the tags that an exported drill carries, begin, end and words."""
    path = max(STATUS.glob("*-khala-cutover-embedded-drill*/drill.json"))
    record = DrillRecord.model_validate_json(path.read_bytes())
    bodies = json.loads(grafana_annotations(record))
    sought = json.loads(grafana_dashboard(RUNBOOK, {}))["annotations"]["list"][0]["target"]["tags"]

    assert len(bodies) == 1 + len(record.disturbances) + len(record.switches)
    assert all(body["tags"] == sought and body["time"] <= body["timeEnd"] and body["text"] for body in bodies)
    assert [body["time"] for body in bodies] == sorted(body["time"] for body in bodies)


def test_exports_are_deterministic() -> None:
    """The same runbook and figures give the same bytes, whoever exports them, so that a diff shows a change."""
    assert prometheus_rules(RUNBOOK, SETTINGS) == prometheus_rules(load_runbook(), dict(reversed(SETTINGS.items())))
    assert grafana_dashboard(RUNBOOK, SETTINGS) == grafana_dashboard(load_runbook(), SETTINGS)


@pytest.mark.parametrize(("relation", "breaks"), [("<", ">="), ("<=", ">"), (">", "<="), (">=", "<")])
def test_an_alert_breaks_where_the_gate_does(relation: str, breaks: str) -> None:
    """A value that is exactly the threshold breaks ``<`` and not ``<=``, in the alert as in the gate."""
    gate = RUNBOOK.gates[0]
    turned = gate.model_copy(update={"objective": gate.objective.model_copy(update={"relation": relation})})
    rules = prometheus_rules(RUNBOOK.model_copy(update={"gates": (turned,), "panels": ()}), {})

    assert f'gate="parity-mismatch-rate"}} {breaks} 0.01 and ' in rules


@pytest.mark.parametrize("what", ["prometheus-rules", "grafana"])
def test_what_has_no_threshold_is_told_on_the_side(what: str) -> None:
    """Without a target the file is still written, to stdout; stderr names the settings that are missing."""
    done = CliRunner().invoke(main, ["export", what])

    assert done.exit_code == 0
    assert "'lane-target-ms'" in done.stderr
    assert "'incident-threshold'" in done.stderr
    assert "no threshold" not in done.stdout.splitlines()[0]


def test_a_runbook_that_is_none_is_refused(tmp_path: Path) -> None:
    """A mistake in the runbook ends as everywhere else: exit code 2, and where the mistake is."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('id = "Wrong"\n')
    done = CliRunner().invoke(main, ["export", "grafana", "--runbook", str(wrong)])

    assert done.exit_code == 2
    assert "is not a runbook" in done.stderr


def test_a_plain_counter_is_found_with_and_without_its_suffix() -> None:
    """Exporters disagree about ``_total``; labels are quoted."""
    assert (
        series(Selector(metric="a.b", labels={"x": 'say "no"\\'})) == '{__name__=~"a_b|a_b_total",x="say \\"no\\"\\\\"}'
    )
    assert series(Selector(metric="a.b", part="sum")) == "a_b_sum"


@pytest.mark.parametrize(
    ("take", "relation", "expected"),
    [
        ("max", "<", "max(max_over_time(load_sum[90s]))"),
        ("last", "<", "max(last_over_time(load_sum[90s]))"),
        ("last", ">", "min(last_over_time(load_sum[90s]))"),
        ("mean", "<", "sum(sum_over_time(load_sum[90s])) / sum(count_over_time(load_sum[90s]))"),
    ],
)
def test_a_gauge_is_written_as_it_is_judged(take: Literal["last", "max", "mean"], relation: str, expected: str) -> None:
    """Of several instances the worst counts for the newest reading, and all readings for the mean."""
    objective = RUNBOOK.gates[0].objective.model_copy(update={"relation": relation})
    measure = Gauge(kind="gauge", of=Selector(metric="load", part="sum"), take=take)
    gate = RUNBOOK.gates[0].model_copy(
        update={"evidence": None, "window_seconds": 90, "objective": objective, "measure": measure}
    )

    assert (value(gate), events(gate)) == (expected, "sum(count_over_time(load_sum[90s]))")


def test_a_counter_without_evidence_is_proved_by_its_own_samples() -> None:
    """Nothing is taken as zero for it: it must exist."""
    measure = Increase(kind="increase", of=Selector(metric="errors", part="count"))
    gate = RUNBOOK.gates[0].model_copy(update={"evidence": None, "measure": measure})

    assert value(gate) == "sum(increase(errors_count[1h]))"
    assert events(gate) == "sum(count_over_time(errors_count[1h]))"
