from __future__ import annotations

import asyncio

import pytest

from drills.staging.bell import rest
from drills.staging.faults import FAULTS, KHALA_DROP, KHALA_LAG
from drills.staging.live_settings import ActiveFaults, LiveSettings, LiveValues, SettingRefusedError


@pytest.fixture
def live() -> LiveSettings:
    return LiveSettings(
        LiveValues(parity_interval_seconds=1, parity_sample=200, retention_horizon_seconds=86_400, simulator_rate=4)
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("khala_sync_parity_enabled", "true"),
        ("sink_path", "convex-only"),
        ("parity_interval_seconds", "2.5"),
        ("parity_sample", "10000"),
        ("retention_horizon_seconds", "0"),
        ("simulator_rate", "0.5"),
    ],
)
def test_a_setting_reads_back_as_it_was_put(live: LiveSettings, key: str, value: str) -> None:
    """What goes in as a string comes out as that string, and the values before are handed back."""
    before = live.values

    assert live.put(key, value) is before
    assert live.values.on_the_wire() == {**before.on_the_wire(), key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("khala_sync_parity_enabled", "yes"),
        ("sink_path", "khala-only"),
        ("parity_interval_seconds", "0.99"),
        ("parity_interval_seconds", "nan"),
        ("parity_sample", "10001"),
        ("parity_sample", "many"),
        ("retention_horizon_seconds", "-1"),
        ("simulator_rate", "inf"),
        ("unheard_of", "1"),
    ],
)
def test_a_wrong_value_changes_nothing(live: LiveSettings, key: str, value: str) -> None:
    """A value out of bounds, or of an unknown key, is refused with the key in the message."""
    before = live.values
    with pytest.raises(SettingRefusedError, match=key):
        live.put(key, value)

    assert live.values is before


def test_the_defaults_are_the_safe_lane(live: LiveSettings) -> None:
    """The runtime starts with the auditor off and both sinks fed."""
    assert (live.values.khala_sync_parity_enabled, live.values.sink_path) == ("false", "dual")


def test_a_change_is_heard_once(live: LiveSettings) -> None:
    """Whoever listens is woken by a change made before it waits, once, and by nothing else."""

    async def listen() -> list[bool]:
        with live.changed.heard() as changed:
            live.put("simulator_rate", "1")
            return [await rest(changed, 0), await rest(changed, 0.01)]

    assert asyncio.run(listen()) == [True, False]


def test_faults_are_set_and_cleared() -> None:
    """A fault is active from the moment it is set until it is cleared."""
    faults = ActiveFaults([KHALA_LAG], {fault.name: fault for fault in FAULTS})
    faults.set(KHALA_DROP)
    faults.clear(KHALA_LAG)

    assert (KHALA_DROP in faults, KHALA_LAG in faults, faults.names) == (True, False, ("khala-drop",))
