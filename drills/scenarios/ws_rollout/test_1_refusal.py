"""§5.1: refuse clients without a valid token, and count them."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.ws_rollout.clients import connected
from drills.scenarios.ws_rollout.counters import CONNECTIONS, Counted

CLIENTS = 3


@pytest.mark.checklist("refusal")
def test_clients_without_a_valid_token_are_refused(drill: Drill) -> None:
    """None of them gets a socket, and the counter behind the gate moves by exactly that many."""
    counted = Counted.now(drill, CONNECTIONS, action="connect", status="unauthorized")
    with drill.disturbance("clients without a valid token"):
        admitted = sum(_admitted(drill) for _ in range(CLIENTS))
        grown = counted.grown(CLIENTS)
    drill.check("admitted", "Clients without a valid token that got in", admitted, Relation.EQUAL, 0, unit="clients")
    drill.check("counted", "Refusals that the runtime counted", grown, Relation.EQUAL, CLIENTS, unit="clients")


def _admitted(drill: Drill) -> bool:
    with connected(drill, token="nobody") as client:  # noqa: S106 - no token at all
        return client is not None
