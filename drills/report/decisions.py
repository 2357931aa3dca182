"""Stage decisions as a reader wants them: GO or NO-GO, every reason with its evidence, and what would make it GO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drills.evidence.records import Requirement, RollbackStep, StageDecided, Verdict
from drills.report.markdown import Markdown, code, join, link, text
from drills.report.wording import clip, count, mark, minute

#: The page of all decisions, beside the reports and the log.
PAGE = "decisions.md"
_REASON = 400
_SHOWN = 2


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """One requirement with its verdict and the links to what shows it."""

    verdict: str
    title: str
    reason: str
    evidence: Markdown


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision. ``remedies`` are what would make it GO, ``rollback`` the step to take if a gate turned red."""

    heading: str
    anchor: Markdown
    alert: str
    value: str
    summary: str
    remedies: tuple[str, ...]
    rollback: Markdown | None
    rows: tuple[RequirementRow, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision in a list."""

    date: str
    step: str
    value: Markdown
    target: str
    why: str
    operator: str


def anchor(decided: StageDecided) -> str:
    """Return where the whole of a decision is told, relative to the reports."""
    return f"{PAGE}#{_name(decided)}"


def decision_view(decided: StageDecided) -> DecisionView:
    """Return the whole of one decision."""
    return DecisionView(
        heading=f"{minute(decided.decided_at)}: {step(decided)}",
        anchor=Markdown(f'<a id="{_name(decided)}"></a>'),
        alert="NOTE" if decided.value == "GO" else "CAUTION" if decided.verdict is Verdict.FAIL else "WARNING",
        value=said(decided),
        summary=_tally(decided),
        remedies=tuple(remedies(decided)),
        rollback=_rollback(decided.rollback) if decided.rollback else None,
        rows=tuple(_requirement(one) for one in decided.requirements),
        facts=tuple(_facts(decided)),
    )


def decision_row(decided: StageDecided) -> DecisionRow:
    """Return one decision in short, with a link to the whole."""
    return DecisionRow(
        date=minute(decided.decided_at),
        step=step(decided),
        value=link(said(decided), anchor(decided)),
        target=decided.target,
        why=_why(decided),
        operator=decided.operator,
    )


def against(decided: StageDecided) -> Sequence[Requirement]:
    """Return the requirements that did not pass, failed ones first."""
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN)
    return [one for verdict in order for one in decided.requirements if one.verdict is verdict]


def remedies(decided: StageDecided) -> Iterator[str]:
    """Yield what would make it GO, each remedy once, with the requirements that it is for."""
    wanted: dict[str, list[str]] = {}
    for one in against(decided):
        wanted.setdefault(one.remedy, []).append(one.title)
    for remedy, titles in wanted.items():
        yield f"{remedy} (for: {'; '.join(titles)})"


def said(decided: StageDecided) -> str:
    """Return the decision as a shape and a word; what could not be judged says so."""
    if decided.value == "GO":
        return "✅\N{NO-BREAK SPACE}GO"
    return "❌\N{NO-BREAK SPACE}NO-GO" if decided.verdict is Verdict.FAIL else "⚠️\N{NO-BREAK SPACE}NO-GO, inconclusive"


def step(decided: StageDecided) -> str:
    """Return the step in words."""
    return f"{decided.from_title} → {decided.to_title}"


def _name(decided: StageDecided) -> str:
    return f"decision-{decided.decided_at:%Y%m%d-%H%M%S}"


def _why(decided: StageDecided) -> str:
    titles = [one.title for one in against(decided)]
    more = len(titles) - _SHOWN
    shown = f"not met: {'; '.join(titles[:_SHOWN])}" if titles else "every requirement passed"
    return f"{shown}; and {more} more" if more > 0 else shown


def _tally(decided: StageDecided) -> str:
    passed = sum(one.verdict is Verdict.PASS for one in decided.requirements)
    return f"{passed} of {count(len(decided.requirements), 'requirement')} passed"


def _requirement(one: Requirement) -> RequirementRow:
    return RequirementRow(
        verdict=mark(one.verdict),
        title=f"{one.source} {one.title}".strip(),
        reason=clip(one.reason, _REASON),
        evidence=join(link(_label(place), place) for place in one.evidence),
    )


def _label(place: str) -> str:
    if place.startswith(("http://", "https://")):
        return "metrics"
    page, _, section = place.partition("#")
    if page in {PAGE, "decisions.jsonl"}:
        return "decision" if page == PAGE else "log"
    if page == "README.md":
        return "index"
    return section or ("report" if page.endswith(".md") else page.rpartition("/")[2])


def _rollback(rollback: RollbackStep) -> Markdown:
    settings = join((code(one) for one in rollback.settings), ", ")
    because = text("; ".join(rollback.because))
    return Markdown(f"{text(f'{rollback.source} {rollback.title}')}: set {settings}, because it turned red: {because}")


def _facts(decided: StageDecided) -> Iterator[str]:
    yield f"Decided {minute(decided.decided_at)} by {decided.operator} for the target {decided.target}."
    yield f"Gates were held from {minute(decided.hold_from)} on. Calendar: {decided.calendar}."
    if decided.samples_digest:
        yield f"Samples: {decided.samples_source}, {decided.samples_digest}."
    if decided.drill_id:
        yield f"Newest drill: {decided.drill_id}."
