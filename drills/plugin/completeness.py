"""Whether a runbook and its scenarios say the same: nothing in one without its counterpart in the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from drills.runbook.model import Runbook

#: The markers by which a scenario names what it is for.
PRECONDITION, CHECKLIST, ROLLBACK = "precondition", "checklist", "rollback"


def mismatches(runbook: Runbook, items: Iterable[pytest.Item]) -> Iterator[str]:
    """Yield a sentence for every entry without a scenario, and for every name that the runbook does not know."""
    named = _named(items)
    for kind, known in _known(runbook).items():
        for missing in sorted(known - named[kind]):
            yield f"{kind} '{missing}' of the runbook has no scenario"
        for unknown in sorted(named[kind] - known):
            yield f"a scenario names the {kind} '{unknown}', which the runbook does not know"


def _known(runbook: Runbook) -> dict[str, set[str]]:
    steps = {step.id for item in runbook.checklist for step in item.steps}
    validations = {step.id for step in runbook.rollback_validation}
    return {
        PRECONDITION: {entry.id for entry in runbook.preconditions},
        CHECKLIST: {entry.id for entry in runbook.checklist} | steps,
        ROLLBACK: {level.id for level in runbook.rollback} | validations,
    }


def _named(items: Iterable[pytest.Item]) -> dict[str, set[str]]:
    named: dict[str, set[str]] = {PRECONDITION: set(), CHECKLIST: set(), ROLLBACK: set()}
    for item in items:
        for kind, names in named.items():
            names |= {str(word) for marker in item.iter_markers(kind) for word in marker.args}
    return named
