"""What a reader with twenty seconds gets: verdict, decision, the first things that are wrong, and the plain facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Verdict
from drills.report.history import commit_link, issue_links, passed
from drills.report.items import what_was_seen
from drills.report.markdown import Markdown, bold, code, join, link, text
from drills.report.names import stage_title
from drills.report.wording import clip, day, duration, mark, minute

_ALERTS = {
    Verdict.FAIL: "CAUTION",
    Verdict.INCONCLUSIVE: "WARNING",
    Verdict.NOT_RUN: "WARNING",
    Verdict.PASS: "NOTE",
}
_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN)
_ALL_HELD = (
    "Every checklist item, gate, rollback and required artefact passed, and every switch is back at its baseline."
)
_SHOWN = 3
_REASON = 240
_SHORT_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Headline:
    """The box at the top. ``alert`` is the kind of GitHub's alert block."""

    alert: str
    verdict: Markdown
    tally: str
    wrong: tuple[Markdown, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts table."""

    name: str
    value: Markdown


def headline(record: DrillRecord) -> Headline:
    """Return verdict, decision, how much was green, and the first things that were not."""
    wrong = tuple(_wrong(record))
    more = len(wrong) - _SHOWN
    decision = f"{record.decision.value} for {stage_title(record)}"
    return Headline(
        alert=_ALERTS[record.verdict],
        verdict=join([bold(mark(record.verdict)), bold(decision)], " · "),
        tally=_tally(record),
        wrong=wrong[:_SHOWN],
        more=f"and {more} more below" if more > 0 else "",
    )


def subtitle(record: DrillRecord) -> Markdown:
    """Return when, for which issue, on what, and whether it was a rehearsal."""
    return join([minute(record.started_at), record.issue, f"target {record.target.name}", _kind(record)], " · ")


def reasons(record: DrillRecord) -> tuple[str, ...]:
    """Return why the verdict is what it is, each in short; of a drill in which nothing was wrong, that this is so."""
    held = (_ALL_HELD,) if record.verdict is Verdict.PASS else ()
    return tuple(clip(reason, _REASON) for reason in record.reasons or held)


def facts(record: DrillRecord) -> tuple[Fact, ...]:
    """Return the facts table."""
    return tuple(Fact(name, text(value)) for name, value in _facts(record) if value)


def _facts(record: DrillRecord) -> Iterator[tuple[str, str]]:
    issue = record.issue
    yield "Date", _when(record)
    yield "Issue", link(issue, issue) if issue.startswith(("https://", "http://")) else issue
    yield "Operator", record.operator
    yield "Target", _target(record)
    yield "Windows", _scope(record)
    yield "Injected faults", join((code(fault) for fault in record.faults), ", ")
    yield "Commit", _commit(record)
    yield "Branch", _branch(record)
    yield "Versions", join((f"{name} {version}" for name, version in record.versions.items()), " · ")
    yield "Runbook", _digest(record.runbook_digest)
    yield "Ledger", Markdown(f"{record.ledger_entries:,} entries, head {_digest(record.ledger_head)}")
    yield "Decision", f"{record.decision.value}, owner {record.decision.owner}, {minute(record.decision.decided_at)}"


def _when(record: DrillRecord) -> str:
    spent = duration((record.finished_at - record.started_at).total_seconds())
    ended = "" if record.outcome == "completed" else f", interrupted: {record.outcome_reason}"
    return f"{minute(record.started_at)}, took {spent}{ended}"


def _target(record: DrillRecord) -> str:
    name, environment = record.target.name, record.target.environment
    return name if name == environment else f"{name} ({environment})"


def _kind(record: DrillRecord) -> str:
    return "full drill" if record.target.rehearsal_window_seconds is None else "rehearsal"


def _scope(record: DrillRecord) -> str:
    window = record.target.rehearsal_window_seconds
    return "as in the runbook" if window is None else f"rehearsal: {duration(window)}, shorter than the runbook's"


def _commit(record: DrillRecord) -> Markdown:
    commit = record.provenance.commit
    if commit is None:
        return text("unknown: not a git checkout")
    parts = [commit_link(commit), text(clip(commit.subject, 100)), text(day(commit.committed_at)), issue_links(commit)]
    return join((part for part in parts if part), " · ")


def _branch(record: DrillRecord) -> Markdown:
    tree = {True: "⚠️ uncommitted changes", False: "clean tree", None: "tree state unknown"}[record.provenance.dirty]
    return join([code(record.provenance.branch) if record.provenance.branch else "no branch", tree], " · ")


def _digest(digest: str) -> Markdown:
    scheme, _, value = digest.rpartition(":")
    return code(f"{scheme or 'sha256'}:{value[:_SHORT_DIGEST]}")


def _tally(record: DrillRecord) -> str:
    groups = (
        ("checklist", record.checklist),
        ("gates", record.gates),
        ("rollback", record.rollback),
        ("required artefacts", record.required_artefacts),
    )
    return "Passed: " + ", ".join(f"{name} {passed(one.verdict for one in group)}" for name, group in groups if group)


def _wrong(record: DrillRecord) -> Iterator[Markdown]:
    found = list(_judged(record))
    for verdict in _WORST_FIRST:
        for title, judged, why in found:
            if judged is verdict:
                yield join([mark(verdict), title, clip(why, _REASON)], " · ")


def _judged(record: DrillRecord) -> Iterator[tuple[str, Verdict, str]]:
    for item in (*record.preconditions, *record.checklist):
        yield f"{item.source} {item.title}", item.verdict, "; ".join(what_was_seen(item))
    for gate in record.gates:
        yield f"{gate.source} {gate.title}", gate.verdict, gate.reason
    for rollback in record.rollback:
        yield f"Rollback of {rollback.subject}", rollback.verdict, rollback.reason
    for required in record.required_artefacts:
        yield f"{required.source} {required.title}", required.verdict, required.reason
