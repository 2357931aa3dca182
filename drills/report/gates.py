"""Gates and the disturbances they leave out: figures, limits, and how much data stands behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drills.evidence.records import Interval, JudgedGate
from drills.report.markdown import Markdown, join, text
from drills.report.wording import NOT_OBSERVED, count, duration, figure, mark, quantity, second, sign


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate: what was observed against what must be, and over which data."""

    verdict: str
    title: str
    observed: str
    threshold: str
    margin: str
    worst: Markdown
    window: Markdown
    samples: str


@dataclass(frozen=True, slots=True)
class DisturbanceRow:
    """An interval that the drill disturbed itself."""

    started: str
    lasted: str
    reason: str


@dataclass(frozen=True, slots=True)
class Disturbances:
    """What steady-state gates left out, and how much that was."""

    summary: str
    rows: tuple[DisturbanceRow, ...]


def gate_rows(gates: Iterable[JudgedGate]) -> tuple[GateRow, ...]:
    """Return the lines of the gates table."""
    return tuple(_gate(gate) for gate in gates)


def gate_reasons(gates: Iterable[JudgedGate]) -> tuple[str, ...]:
    """Return how each gate was judged."""
    return tuple(f"{one.source} {one.title}: {one.reason}" for one in gates)


def disturbances(intervals: tuple[Interval, ...]) -> Disturbances:
    """Return the intervals in which the drill disturbed the environment itself."""
    total = duration(sum(_length(one) for one in intervals))
    rows = (DisturbanceRow(second(one.started_at), duration(_length(one)), one.reason) for one in intervals)
    return Disturbances(f"{count(len(intervals), 'disturbance')}, {total} in all", tuple(rows))


def _gate(gate: JudgedGate) -> GateRow:
    return GateRow(
        verdict=mark(gate.verdict),
        title=f"{gate.source} {gate.title}",
        observed=quantity(gate.observed, gate.unit),
        threshold=_limit(gate),
        margin=_margin(gate),
        worst=_worst(gate),
        window=_window(gate),
        samples=f"{gate.sample_count:,}",
    )


def _limit(gate: JudgedGate) -> str:
    if gate.threshold is None:
        return "not set"
    return f"{sign(gate.relation)} {quantity(gate.threshold, gate.unit)}"


def _margin(gate: JudgedGate) -> str:
    if gate.margin is None:
        return "unknown"
    value = quantity(abs(gate.margin), gate.unit)
    return value if gate.margin >= 0 else f"{value} too much"


def _worst(gate: JudgedGate) -> Markdown:
    if gate.worst is None:
        return text(NOT_OBSERVED)
    value = figure(gate.worst) if gate.unit == "ratio" else quantity(gate.worst, gate.unit)
    return text(value) if gate.worst_at is None else join([value, f"at {second(gate.worst_at)}"])


def _window(gate: JudgedGate) -> Markdown:
    covered = f"{duration(gate.covered_seconds)} of {duration(gate.window_seconds)}"
    if gate.window_seconds >= gate.runbook_window_seconds:
        return text(covered)
    return join([covered, f"runbook: {duration(gate.runbook_window_seconds)}"])


def _length(interval: Interval) -> float:
    return (interval.finished_at - interval.started_at).total_seconds()
