"""Verdicts of checks, of checklist items, and of required artefacts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import ge, gt, le, lt

from drills.evidence.drill_record import JudgedArtefact, JudgedCheck, JudgedItem
from drills.evidence.records import Artefact, Check, ItemFinished, ItemStarted, Observation, Relation, Scalar, Verdict
from drills.runbook.model import Entry, RequiredArtefact
from drills.verdict.facts import Facts

#: Worst first: the verdict of a whole is the first of these that any part has.
WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.PASS)
#: Observed, one way or the other.
DECIDED = {Verdict.PASS, Verdict.FAIL}
ORDERINGS: dict[Relation, Callable[[float, float], bool]] = {
    Relation.LESS: lt,
    Relation.AT_MOST: le,
    Relation.GREATER: gt,
    Relation.AT_LEAST: ge,
}
#: Required artefacts of these categories are part of the record itself.
REPORT, ITEM_VERDICT = "report", "item-verdict"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of ``verdicts``; of nothing, ``NOT_RUN``: absence never passes."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.NOT_RUN)


def judge_check(check: Check) -> Verdict:
    """Return what the observed value says about the expectation; what was not observed is inconclusive."""
    if check.observed is None or _is_nan(check.observed):
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if _holds(check.observed, check.relation, check.expected) else Verdict.FAIL


def judge_item(entry: Entry, facts: Facts) -> JudgedItem:
    """Return the item's verdict: the worst of its checks, or why it has none."""
    checks = tuple(
        JudgedCheck(**dict(line.fact), verdict=judge_check(line.fact), at=line.at)
        for line in facts.entries
        if isinstance(line.fact, Check) and line.fact.item == entry.id
    )
    finished = next((fact for fact in facts.of(ItemFinished) if fact.item == entry.id), None)
    begun = any(fact.item == entry.id for fact in facts.of(ItemStarted))
    verdict, reason = _item_verdict(checks, finished, begun=begun)
    return JudgedItem(
        id=entry.id,
        title=entry.title,
        source=entry.source,
        verdict=verdict,
        reason=reason,
        seconds=finished.seconds if finished else None,
        checks=checks,
        observations=tuple(fact for fact in facts.of(Observation) if fact.item == entry.id),
    )


def judge_required(entry: RequiredArtefact, facts: Facts, checklist: Sequence[JudgedItem]) -> JudgedArtefact:
    """Return whether enough pieces of every kind that the runbook requires are there.

    What is missing is a failure once every item was decided; before that it was just not made.
    """
    pieces = {kind: _pieces(kind, facts, checklist) for kind in entry.kinds}
    short = [f"{len(found)} of {entry.minimum} {kind}" for kind, found in pieces.items() if len(found) < entry.minimum]
    return JudgedArtefact(
        id=entry.id,
        title=entry.title,
        source=entry.source,
        verdict=_missing(checklist) if short else Verdict.PASS,
        reason=f"found {', '.join(short)}" if short else "complete",
        artefacts=tuple(piece for found in pieces.values() for piece in found),
    )


def _missing(checklist: Sequence[JudgedItem]) -> Verdict:
    return Verdict.FAIL if all(item.verdict in DECIDED for item in checklist) else Verdict.NOT_RUN


def _pieces(kind: str, facts: Facts, checklist: Sequence[JudgedItem]) -> tuple[str, ...]:
    if kind == REPORT:
        return (facts.started.drill_id,)
    if kind == ITEM_VERDICT:
        judged = tuple(item.id for item in checklist if item.verdict in DECIDED)
        return judged if len(judged) == len(checklist) else ()
    return tuple(artefact.id for artefact in facts.of(Artefact) if artefact.category == kind)


def _item_verdict(checks: Sequence[JudgedCheck], finished: ItemFinished | None, *, begun: bool) -> tuple[Verdict, str]:
    verdict = worst(check.verdict for check in checks)
    unmet = [check for check in checks if check.verdict is verdict]
    if checks and verdict is not Verdict.PASS:
        return verdict, "; ".join(_words(check) for check in unmet)
    if finished is None:
        return (Verdict.INCONCLUSIVE, "it was begun and never ended") if begun else (Verdict.NOT_RUN, "not attempted")
    if finished.outcome == "skipped":
        return Verdict.NOT_RUN, finished.reason or "skipped"
    if finished.outcome == "failed":
        return Verdict.INCONCLUSIVE, finished.reason or "the scenario broke off"
    if not checks:
        return Verdict.INCONCLUSIVE, "the scenario made no check"
    return Verdict.PASS, f"{len(checks)} checks held"


def _words(check: JudgedCheck) -> str:
    where = f" [{check.surface}]" if check.surface else ""
    seen = (
        "not observed" if check.verdict is Verdict.INCONCLUSIVE else f"observed {_value(check.observed)}{_unit(check)}"
    )
    note = f" ({check.note})" if check.note else ""
    return f"{check.title}{where}: {seen}, expected {check.relation.value} {_value(check.expected)}{_unit(check)}{note}"


def _unit(check: Check) -> str:
    return f" {check.unit}" if check.unit else ""


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_nan(value: Scalar) -> bool:
    """Tell whether ``value`` is NaN; a ledger writes it as a word, which a scalar reads back as text."""
    return value == "NaN" or (isinstance(value, float) and math.isnan(value))


def _holds(observed: Scalar, relation: Relation, expected: Scalar) -> bool:
    if relation is Relation.EQUAL:
        return observed == expected
    if relation is Relation.NOT_EQUAL:
        return observed != expected
    if isinstance(observed, (int, float)) and isinstance(expected, (int, float)):
        return ORDERINGS[relation](observed, expected)
    return False
