from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.clock import SYSTEM_CLOCK, Clock, FrozenClock

MOMENT = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)


def test_the_systems_clock_tells_aware_time_in_utc() -> None:
    """Records carry moments that mean the same everywhere."""
    before = datetime.now(UTC)

    now = SYSTEM_CLOCK.now()

    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_the_systems_monotonic_reading_never_runs_backwards() -> None:
    """Durations are never negative."""
    readings = [SYSTEM_CLOCK.monotonic() for _ in range(100)]

    assert readings == sorted(readings)


def test_a_frozen_clock_stands_still() -> None:
    """A test that freezes time sees one moment only."""
    clock: Clock = FrozenClock(MOMENT)

    assert [clock.now(), clock.now()] == [MOMENT, MOMENT]


@pytest.mark.parametrize("seconds", [0.5, 300, 86_400])
def test_a_frozen_clock_moves_both_readings_alike(seconds: float) -> None:
    """Moved forward, wall time and durations agree."""
    clock = FrozenClock(MOMENT)
    started = clock.monotonic()

    clock.advance(seconds)

    assert clock.now() == MOMENT + timedelta(seconds=seconds)
    assert clock.monotonic() - started == seconds
