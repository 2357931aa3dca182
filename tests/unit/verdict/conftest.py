"""Gates, series and verdicts in one line each; times are seconds after a fixed moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from drills.evidence.records import Interval, JudgedGate, Samples, Series
from drills.runbook.model import Gate
from drills.verdict.gates import judge_gate

START = datetime(2026, 2, 20, 14, 0, tzinfo=UTC)


def _moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _gate(measure: Mapping[str, object], objective: Mapping[str, object] | None = None, **rest: object) -> Gate:
    entry = {
        "id": "gate",
        "title": "A gate",
        "source": "§3.1",
        "unit": "things",
        "window_seconds": 60,
        "minimum_coverage": 0.9,
        "minimum_samples": 1,
        "measure": measure,
        "objective": objective or {"kind": "comparison", "relation": "<", "threshold": 1000.0},
    }
    return Gate.model_validate({**entry, **rest})


def _series(metric: str, values: Sequence[float], *, first: float = 0.0, step: float = 1.0, **labels: str) -> Series:
    times = tuple(START.timestamp() + first + step * index for index in range(len(values)))
    return Series(metric=metric, labels=labels, times=times, values=tuple(map(float, values)))


def _samples(series: Sequence[Series], *, seconds: float = 60.0, interval: float = 1.0, problem: str = "") -> Samples:
    return Samples(
        source="test",
        started_at=START,
        finished_at=_moment(seconds),
        interval_seconds=interval,
        series=tuple(series),
        problems=(problem,) if problem else (),
    )


def _judge(
    gate: Gate,
    samples: Samples | Sequence[Series] | None,
    *,
    seconds: float = 60.0,
    settings: Mapping[str, float] | None = None,
    disturbed: Sequence[tuple[float, float]] = (),
    rehearsal: float | None = None,
) -> JudgedGate:
    return judge_gate(
        gate,
        samples if samples is None or isinstance(samples, Samples) else _samples(samples, seconds=seconds),
        settings=settings or {},
        disturbances=[
            Interval(started_at=_moment(start), finished_at=_moment(end), reason="flip") for start, end in disturbed
        ],
        period=(START, _moment(seconds)),
        rehearsal_window_seconds=rehearsal,
    )


@pytest.fixture(scope="session")
def moment() -> Callable[[float], datetime]:
    """Return a moment by its seconds after the start."""
    return _moment


@pytest.fixture(scope="session")
def gate() -> Callable[..., Gate]:
    """Build a gate from a measure, an objective and whatever else differs."""
    return _gate


@pytest.fixture(scope="session")
def series() -> Callable[..., Series]:
    """Build a series from its values, one second apart unless told otherwise."""
    return _series


@pytest.fixture(scope="session")
def samples() -> Callable[..., Samples]:
    """Build a record of samples."""
    return _samples


@pytest.fixture(scope="session")
def judge() -> Callable[..., JudgedGate]:
    """Judge a gate over the first minute (or ``seconds``)."""
    return _judge
