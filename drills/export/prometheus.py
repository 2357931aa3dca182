"""The gates as recording and alert rules of Prometheus.

For each gate: what is measured, how much stands behind it, an alert that it is broken, and an alert that nothing can be
said of it, because an expression without data keeps an alert silent, and silence is not green.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO

from ruamel.yaml import YAML

from drills.canonical import digest
from drills.export.thresholds import breaking, threshold, unset
from drills.runbook.model import Gate, RollbackLevel, Runbook
from drills.runbook.promql import events, judged_seconds, series, span, value, witness

VALUE, EVENTS = "drill:gate_value", "drill:gate_events"
#: An alert that nothing can be said waits this long: after a restart of Prometheus there is little to say.
PATIENCE = "5m"
#: An expression is never folded: people copy it from here into a browser.
ONE_LINE = 10_000

Rule = dict[str, str | dict[str, str]]


def prometheus_rules(runbook: Runbook, settings: Mapping[str, float]) -> str:
    """Return a rule file (YAML) for the gates of ``runbook`` with the thresholds in ``settings``.

    The same runbook and settings give the same bytes. A gate whose setting is not given has no threshold: its alert
    that nothing can be said fires from the start, and names the setting.
    """
    missing = unset(runbook.gates, settings)
    rules = [rule for gate in runbook.gates for rule in _rules(gate, runbook, settings, missing.get(gate.id))]
    text = StringIO()
    text.write(f"# The gates of {runbook.title}, version {runbook.version}.\n")
    text.write(f"# Runbook {digest(runbook.model_dump(mode='json'))}. Written by `drill export prometheus-rules`.\n")
    writer = YAML()
    writer.width = ONE_LINE
    writer.dump({"groups": [{"name": f"{runbook.id}-gates", "rules": rules}]}, text)
    return text.getvalue()


def _rules(gate: Gate, runbook: Runbook, settings: Mapping[str, float], missing: str | None) -> Iterator[Rule]:
    yield {"record": VALUE, "expr": value(gate), "labels": _labels(gate, runbook)}
    yield {"record": EVENTS, "expr": events(gate), "labels": _labels(gate, runbook)}
    limit = threshold(gate, settings)
    if limit is not None:
        yield _broken(gate, runbook, limit)
    yield _unknown(gate, runbook, missing)


def _broken(gate: Gate, runbook: Runbook, limit: float) -> Rule:
    chosen = _chosen(gate, runbook)
    return {
        "alert": f"{_camel(gate.id)}GateBroken",
        "expr": f"{VALUE}{chosen} {breaking(gate)} {limit:.10g} and {EVENTS}{chosen} >= {gate.minimum_samples}",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": f"{gate.source} {gate.title}: broken",
            "description": f"{{{{ $value }}}} {gate.unit} over {span(judged_seconds(gate))}; it is broken when "
            f"{breaking(gate)} {limit:.10g}. {_rollback(runbook)}",
        },
    }


def _unknown(gate: Gate, runbook: Runbook, missing: str | None) -> Rule:
    why = f"The target does not say {missing!r}." if missing else "Too few samples, or none that is recent enough."
    return {
        "alert": f"{_camel(gate.id)}GateUnknown",
        "expr": "vector(1)" if missing else f"vector(1) and on() ({' or '.join(_silences(gate, runbook))})",
        "for": PATIENCE,
        "labels": {**_labels(gate, runbook), "severity": "warning"},
        "annotations": {
            "summary": f"{gate.source} {gate.title}: nothing can be said",
            "description": f"{why} A gate of which nothing can be said is not green.",
        },
    }


def _silences(gate: Gate, runbook: Runbook) -> Iterator[str]:
    chosen = _chosen(gate, runbook)
    yield f"absent_over_time({series(witness(gate))}[{span(gate.maximum_age_seconds)}])"
    yield f"absent({EVENTS}{chosen} >= {gate.minimum_samples})"
    # NaN is not even larger than -Inf
    yield f"absent({VALUE}{chosen} >= -Inf)"


def _labels(gate: Gate, runbook: Runbook) -> dict[str, str]:
    return {"runbook": runbook.id, "gate": gate.id}


def _chosen(gate: Gate, runbook: Runbook) -> str:
    return "{" + ",".join(f'{name}="{text}"' for name, text in _labels(gate, runbook).items()) + "}"


def _rollback(runbook: Runbook) -> str:
    levels: list[RollbackLevel] = sorted(runbook.rollback, key=lambda level: level.level)
    return f"Smallest rollback: {levels[0].source} {levels[0].title}." if levels else ""


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
