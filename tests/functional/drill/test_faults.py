"""Every check has been seen to fail: each injected fault turns the right item or gate red, and the report says why."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.evidence.records import DrillRecord, Verdict
from drills.target.embedded import CAUGHT_BY, fault_names


@dataclass(frozen=True)
class Catch:
    """What a fault must turn red, and the words that say why."""

    fault: str
    red: str
    words: str


@dataclass(frozen=True)
class Trial:
    """One drill with faults that do not hide each other, and the scenarios that are run."""

    scenarios: str
    catches: tuple[Catch, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults to inject."""
        return tuple(catch.fault for catch in self.catches)


JOINED, CARRIED = "sockets that joined sync:v1", "authority events that arrived in frames of sync:v1"
CONTACTS, FALLBACK = "contacts with the legacy host from app start on", "authority events that arrived in answers"
TRIALS = [
    Trial("web", (Catch("khala-drop", "item web", f"Web admin: {CARRIED} [web]: observed 0 "),)),
    Trial("web", (Catch("khala-corrupt", "item web", "workers whose status equals the authority's"),)),
    Trial("web", (Catch("khala-lag", "item web", "Web admin: authority events shown within 2 s [web]: observed 0 "),)),
    Trial("web", (Catch("khala-stall", "item web", f"Web admin: {JOINED} [web]: observed 0 "),)),
    Trial("rollback", (Catch("stale-cursor", "gate stale-cursor-rate", "worst 1"),)),
    Trial("parity_auditor", (Catch("auditor-silent", "item parity-auditor", "after enabling: observed 0 cycles"),)),
    Trial(
        "web or mobile or desktop",
        (
            Catch("flag-ignored-web", "item web", f"Web admin: {JOINED} [web]: observed 0 "),
            Catch("flag-ignored-mobile", "item mobile", f"Mobile: {CONTACTS} [mobile]: observed "),
            Catch(
                "flag-ignored-desktop", "item desktop", "syncProvider that the status surface names: observed convex"
            ),
        ),
    ),
    Trial("mobile", (Catch("convex-boots-anyway", "item mobile", f"Mobile: {CONTACTS} [mobile]: observed "),)),
    Trial(
        "rollback",
        (
            Catch("fallback-broken-web", "item rollback", f"Web admin: {FALLBACK}"),
            Catch("fallback-broken-mobile", "item rollback", f"Mobile: {FALLBACK}"),
            Catch("fallback-broken-desktop", "item rollback", f"Desktop: {FALLBACK}"),
        ),
    ),
]


def verdicts(record: DrillRecord) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and reason of every item and gate."""
    items = {f"item {item.id}": (item.verdict, item.reason) for item in record.checklist}
    return items | {f"gate {gate.id}": (gate.verdict, gate.reason) for gate in record.gates}


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: "+".join(trial.faults))
def test_an_injected_fault_is_caught(trial: Trial, staging: Any, run_drill: Any, tmp_path: Path) -> None:
    """The drill ends with code 1, the right part is red, its reason is in the report, and every switch is back."""
    before = staging.values()
    with ExitStack() as healing:
        for fault in trial.faults:
            staging.inject(fault)
            healing.callback(staging.heal, fault)
        outcome = run_drill("--target", str(staging.profile), "-k", trial.scenarios, out=tmp_path, state=staging.state)
    assert outcome.code == 1, outcome.output
    for catch in trial.catches:
        verdict, reason = verdicts(outcome.record)[catch.red]
        assert (catch.fault, verdict) == (catch.fault, Verdict.FAIL)
        assert catch.words in reason
    assert "FAIL" in outcome.report
    assert staging.values() == before


def test_every_fault_has_a_catch() -> None:
    """No fault is without a test that sees it caught, and `drill matrix` says what the tests see."""
    catches = [catch for trial in TRIALS for catch in trial.catches]
    assert {catch.fault for catch in catches} == set(fault_names()) == set(CAUGHT_BY)
    assert all(catch.red in CAUGHT_BY[catch.fault] for catch in catches)
