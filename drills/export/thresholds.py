"""The threshold of a gate at one target, and what breaks it."""

from __future__ import annotations

from collections.abc import Mapping

from drills.runbook.model import Comparison, Gate

_BREAKS = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def threshold(gate: Gate, settings: Mapping[str, float]) -> float | None:
    """Return the figure that the gate is compared with; None where it is a setting that is not given."""
    objective = gate.objective
    if not isinstance(objective, Comparison):
        return objective.epsilon
    return objective.threshold if objective.setting is None else settings.get(objective.setting)


def breaking(gate: Gate) -> str:
    """Return the relation between value and threshold that breaks the gate."""
    return _BREAKS[gate.objective.relation] if isinstance(gate.objective, Comparison) else ">"


def unset(gates: tuple[Gate, ...], settings: Mapping[str, float]) -> dict[str, str]:
    """Return the setting that each gate waits for, by the gate's id."""
    return {
        gate.id: gate.objective.setting
        for gate in gates
        if isinstance(gate.objective, Comparison) and gate.objective.setting and threshold(gate, settings) is None
    }
