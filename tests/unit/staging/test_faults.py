from __future__ import annotations

import pytest

from drills.errors import ConfigurationError
from drills.staging.faults import FAULTS, SURFACES, Component, resolve


def test_names_resolve_in_the_order_of_the_registry() -> None:
    """Faults come back once each, whatever order and how often they were named."""
    found = resolve(["stale-cursor", "khala-drop", "stale-cursor"])

    assert [fault.name for fault in found] == ["khala-drop", "stale-cursor"]


@pytest.mark.parametrize("name", ["flag-ignored", "fallback-broken"])
def test_a_bare_surface_fault_means_every_surface(name: str) -> None:
    """Without its surface a fault strikes all three."""
    assert [fault.surface for fault in resolve([name])] == list(SURFACES)


def test_unknown_names_are_all_told() -> None:
    """A typing mistake is answered with every unknown name and what there is."""
    with pytest.raises(ConfigurationError) as refused:
        resolve(["khala-drop", "khala-dorp", "none"])

    assert refused.value.mistakes == ("khala-dorp", "none")
    assert all(fault.name in str(refused.value) for fault in FAULTS)


def test_every_fault_says_what_it_breaks_and_where() -> None:
    """Names are unique, described, and a surface is named exactly for the faults of surfaces."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.description for fault in FAULTS)
    assert all((fault.surface in SURFACES) == (fault.component is Component.SURFACE) for fault in FAULTS)
