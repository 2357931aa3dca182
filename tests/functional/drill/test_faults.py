"""Every check has been seen to fail: each injected fault turns the right item or gate red, and the report says why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.evidence.records import DrillRecord, Verdict
from drills.target.embedded import CAUGHT_BY, fault_names

Run = Any


@dataclass(frozen=True)
class Catch:
    """Which scenarios are run with a fault, what must be red, and the words that say why."""

    fault: str
    scenarios: str
    red: str
    words: str


CATCHES = [
    Catch("khala-drop", "web", "item web", "authority events that arrived in frames of sync:v1: observed 0"),
    Catch("khala-corrupt", "web", "item web", "whose status equals the authority's at the same version: observed"),
    Catch("khala-lag", "web", "item web", "authority events shown within 2 s: observed 0"),
    Catch("khala-stall", "web", "item web", "sockets that joined sync:v1: observed 0"),
    Catch("stale-cursor", "rollback", "gate stale-cursor-rate", "worst 1"),
    Catch("auditor-silent", "parity_auditor", "item parity-auditor", "Parity cycles counted after enabling: observed 0"),
    Catch("flag-ignored-web", "web", "item web", "sockets that joined sync:v1: observed 0"),
    Catch("flag-ignored-mobile", "mobile", "item mobile", "contacts with the legacy host from app start on: observed"),
    Catch("flag-ignored-desktop", "desktop", "item desktop", "syncProvider that the status surface names: observed"),
    Catch("convex-boots-anyway", "mobile", "item mobile", "contacts with the legacy host from app start on: observed"),
    Catch("fallback-broken-web", "rollback", "item rollback", "Web admin: authority events that arrived in answers"),
    Catch("fallback-broken-mobile", "rollback", "item rollback", "Mobile: authority events that arrived in answers"),
    Catch("fallback-broken-desktop", "rollback", "item rollback", "Desktop: authority events that arrived in answers"),
]


def verdicts(record: DrillRecord) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and reason of every item and gate."""
    items = {f"item {item.id}": (item.verdict, item.reason) for item in record.checklist}
    return items | {f"gate {gate.id}": (gate.verdict, gate.reason) for gate in record.gates}


@pytest.mark.parametrize("catch", CATCHES, ids=lambda catch: catch.fault)
def test_an_injected_fault_is_caught(catch: Catch, staging: Any, run_drill: Run, tmp_path: Path) -> None:
    """The drill ends with code 1, the right part is red, its reason is in the report, and every switch is back."""
    before = staging.values()
    staging.inject(catch.fault)
    try:
        outcome = run_drill("--target", str(staging.profile), "-k", catch.scenarios, out=tmp_path, state=staging.state)
    finally:
        staging.heal(catch.fault)
    verdict, reason = verdicts(outcome.record)[catch.red]
    assert (outcome.code, verdict) == (1, Verdict.FAIL), outcome.output
    assert catch.words in reason
    assert "FAIL" in outcome.report
    assert staging.values() == before


def test_every_fault_has_a_catch() -> None:
    """No fault is without a test that sees it caught, and `drill matrix` says what the tests see."""
    assert {catch.fault for catch in CATCHES} == set(fault_names()) == set(CAUGHT_BY)
    assert all(catch.red in CAUGHT_BY[catch.fault] for catch in CATCHES)
