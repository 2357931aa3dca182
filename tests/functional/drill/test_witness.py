"""What the drill's own audit and its own clients saw is in the published record, and can be computed again from it."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from drills.evidence.drill_record import JudgedItem
from drills.evidence.records import Verdict
from drills.verdict.quantiles import percentile

ITEMS = {
    "parity-auditor": {"own-audit", "lanes-agree", "auditor-samples-all", "auditor-agrees"},
    "artefacts": {
        "khala-answers",
        "khala-updates",
        "old-cursor",
        "catch-up-agrees",
        "catch-ups-counted",
        "stale-cursors-counted",
    },
}


def item(outcome: Any, name: str) -> JudgedItem:
    """Return one item of the checklist."""
    (found,) = (one for one in outcome.record.checklist if one.id == name)
    assert isinstance(found, JudgedItem)
    return found


@pytest.mark.parametrize("name", ITEMS)
def test_every_check_of_the_witnesses_is_made(outcome: Any, name: str) -> None:
    """None of them is left out in silence, and on the embedded staging all of them hold."""
    verdicts = {check.id: check.verdict for check in item(outcome, name).checks}

    assert {check: verdicts.get(check) for check in ITEMS[name]} == dict.fromkeys(ITEMS[name], Verdict.PASS)


def test_what_the_clients_measured_can_be_computed_again(outcome: Any) -> None:
    """Counts and p95 of the observation are those of the published measurements, one line each."""
    (path,) = outcome.out.glob("*/khala-measurements.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    (seen,) = (one for one in item(outcome, "artefacts").observations if one.id == "artefacts-khala")
    taken = [float(row["milliseconds"]) for row in rows if (row["who"], row["kind"]) == ("cohort", "catch-up")]

    assert seen.facts["cohort: clients"] == 200
    assert seen.facts["cohort, catch-up: count"] == len(taken) >= 200
    assert seen.facts["cohort, catch-up: p95 ms"] == pytest.approx(percentile(np.asarray(taken), 0.95), abs=0.1)
    assert seen.facts["cohort, stale-cursor: count"] == sum(row["kind"] == "stale-cursor" for row in rows) - 1
