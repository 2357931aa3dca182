"""Preconditions, checklist items and required artefacts: a verdict, what was seen in words, and where it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drills.evidence.drill_record import JudgedArtefact, JudgedCheck, JudgedItem
from drills.evidence.records import Observation, Relation, Verdict
from drills.report.exhibits import Exhibits
from drills.report.markdown import Markdown, code, html, join, text
from drills.report.wording import clip, count, duration, mark, scalar, sign

_SHOWN_CHECKS = 3
_SHOWN_LINKS = 3
_REASON = 400


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One expectation: observed value, relation and expected value, verdict, evidence."""

    verdict: str
    title: Markdown
    observed: str
    expected: str
    evidence: Markdown


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """Facts that were seen together."""

    title: Markdown
    facts: Markdown


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A precondition or a checklist item: one line of a table, and the details behind it."""

    verdict: str
    source: str
    title: str
    observed: Markdown
    evidence: Markdown
    summary: Markdown
    reason: str
    checks: tuple[CheckRow, ...]
    observations: tuple[ObservationRow, ...]


@dataclass(frozen=True, slots=True)
class RequiredRow:
    """An artefact that the runbook asks for, and the pieces found."""

    verdict: str
    source: str
    title: str
    reason: str
    evidence: Markdown


def item_rows(items: Iterable[JudgedItem], exhibits: Exhibits) -> tuple[ItemRow, ...]:
    """Return the lines of the preconditions or of the checklist."""
    return tuple(_item(item, exhibits) for item in items)


def required_rows(required: Iterable[JudgedArtefact], exhibits: Exhibits) -> tuple[RequiredRow, ...]:
    """Return the lines of the required artefacts."""
    return tuple(_required(one, exhibits) for one in required)


def what_was_seen(item: JudgedItem) -> tuple[str, ...]:
    """Return the checks that did not hold, or the reason of a verdict without such, or the measured ones that held."""
    several = len({check.surface for check in item.checks}) > 1
    broken = [_sentence(check, named=several) for check in item.checks if check.verdict is not Verdict.PASS]
    if broken:
        more = len(broken) - _SHOWN_CHECKS
        return (*broken[:_SHOWN_CHECKS], *([f"and {more} more that did not hold"] if more > 0 else []))
    if item.verdict is not Verdict.PASS:
        return (clip(item.reason, _REASON),)
    telling = [check for check in item.checks if not isinstance(check.observed, bool)] or item.checks
    shown = [_sentence(check, named=several) for check in telling[:_SHOWN_CHECKS]]
    more = len(item.checks) - len(shown)
    return (*shown, *([f"and {more} more that held"] if more else []))


def _item(item: JudgedItem, exhibits: Exhibits) -> ItemRow:
    named = [one for check in item.checks for one in check.evidence]
    return ItemRow(
        verdict=mark(item.verdict),
        source=item.source,
        title=item.title,
        observed=join(what_was_seen(item)),
        evidence=exhibits.links(exhibits.shown([*named, *exhibits.of_item(item.id)]), limit=_SHOWN_LINKS),
        summary=_summary(item),
        reason="" if item.verdict is Verdict.PASS else item.reason,
        checks=tuple(_check(check, exhibits) for check in item.checks),
        observations=tuple(_observation(one) for one in item.observations),
    )


def _sentence(check: JudgedCheck, *, named: bool) -> str:
    """Say what a check saw, on which surface where there are several, and what was expected where it did not hold."""
    unsaid = named and check.surface and check.surface.casefold() not in check.title.casefold()
    place = f"{check.surface}: " if unsaid else ""
    seen = f"{place}{check.title}: {scalar(check.observed, check.unit)}"
    return seen if check.verdict is Verdict.PASS else f"{seen}, expected {_expected(check)}"


def _summary(item: JudgedItem) -> Markdown:
    held = sum(check.verdict is Verdict.PASS for check in item.checks)
    tally = f"{held} of {count(len(item.checks), 'check')} held" if item.checks else "no checks"
    spent = f", {duration(item.seconds)}" if item.seconds else ""
    return Markdown(f"{mark(item.verdict)} · {html(item.source)} {html(item.title)} · {tally}{spent}")


def _check(check: JudgedCheck, exhibits: Exhibits) -> CheckRow:
    place = " · ".join(part for part in (check.surface, check.step) if part)
    return CheckRow(
        verdict=mark(check.verdict),
        title=join(part for part in (check.title, place, check.note) if part),
        observed=scalar(check.observed, check.unit),
        expected=_expected(check),
        evidence=exhibits.links(check.evidence),
    )


def _expected(check: JudgedCheck) -> str:
    value = scalar(check.expected, check.unit)
    return value if check.relation is Relation.EQUAL else f"{sign(check.relation)} {value}"


def _observation(one: Observation) -> ObservationRow:
    title = one.title if one.surface is None else f"{one.title} ({one.surface})"
    facts = (Markdown(f"{text(name)}: {text(scalar(value))}") for name, value in one.facts.items())
    return ObservationRow(join([title, code(one.id)]), join(facts, " · "))


def _required(one: JudgedArtefact, exhibits: Exhibits) -> RequiredRow:
    return RequiredRow(mark(one.verdict), one.source, one.title, one.reason, exhibits.links(one.artefacts, limit=4))
