"""§1: what must hold before any item is tried."""

from __future__ import annotations

import pytest

from drills.plugin.drill import Drill
from drills.scenarios.ws_rollout.clients import connected


@pytest.mark.precondition("socket-open")
def test_the_socket_is_open(drill: Drill) -> None:
    """A client with a valid token gets in and joins."""
    with connected(drill) as client:
        drill.holds("joined", "A client with a valid token joined the channel", observed=client is not None)


@pytest.mark.precondition("client-flags")
def test_client_flags_can_be_read(drill: Drill) -> None:
    """Each flag reads one of its two values."""
    for switch in drill.runbook.switches:
        known = drill.value(switch.id) in {switch.new_lane, switch.old_lane}
        drill.holds(f"flag-{switch.id}", f"{switch.key} can be read", observed=known, surface=switch.surface)
