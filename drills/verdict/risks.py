"""What a drill did not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drills.evidence.drill_record import JudgedItem
from drills.evidence.records import DrillStarted, Interval, JudgedGate, Verdict


def residual_risks(
    started: DrillStarted,
    checklist: Sequence[JudgedItem],
    gates: Sequence[JudgedGate],
    disturbances: Sequence[Interval],
) -> tuple[str, ...]:
    """Return one sentence for each thing that a reader might take for shown and that was not."""
    return (
        *_target(started),
        *_code(started),
        *_windows(gates),
        *_parts(checklist, gates),
        *_left_out(disturbances),
    )


def _target(started: DrillStarted) -> Iterator[str]:
    if started.target.environment == "embedded":
        yield "The embedded staging was drilled: real builds, real networks and real load were not."
    yield from started.target.notes


def _code(started: DrillStarted) -> Iterator[str]:
    provenance = started.provenance
    if provenance.commit is None:
        yield "No commit is known: the report cannot be tied to a version of the code."
    if provenance.dirty:
        yield "The working tree had uncommitted changes: the commit named is not exactly what ran."


def _windows(gates: Sequence[JudgedGate]) -> Iterator[str]:
    short = [gate for gate in gates if gate.window_seconds < gate.runbook_window_seconds]
    if short:
        yield (
            f"Gates were judged over {short[0].window_seconds:g} s, the runbook asks for "
            f"{short[0].runbook_window_seconds:g} s: slow drifts and rare errors were not given the time to show."
        )


def _parts(checklist: Sequence[JudgedItem], gates: Sequence[JudgedGate]) -> Iterator[str]:
    parts: tuple[JudgedItem | JudgedGate, ...] = (*checklist, *gates)
    for part in parts:
        if part.verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_RUN}:
            yield f"{part.title}: not shown ({part.verdict})."


def _left_out(disturbances: Sequence[Interval]) -> Iterator[str]:
    seconds = sum((interval.finished_at - interval.started_at).total_seconds() for interval in disturbances)
    if seconds:
        yield f"{seconds:.1f} s in which the drill itself disturbed the target are left out of steady-state gates."
