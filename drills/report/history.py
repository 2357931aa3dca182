"""What came before: commits since the last drill, what changed against it, and the index of all drills."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import CommitFacts, Provenance, Verdict
from drills.report.markdown import Markdown, code, join, link, text
from drills.report.names import stage_title
from drills.report.wording import clip, count, day, mark, minute, quantity

_SHOWN_COMMITS = 50
_SHORT_SHA = 10
_SUBJECT = 120
_NUMBERED = re.compile(r"#(\d+)")


@dataclass(frozen=True, slots=True)
class CommitRow:
    """One commit with its link and the issues it refers to."""

    sha: Markdown
    date: str
    subject: str
    issues: Markdown


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits since the last drill. ``note`` says what could not be told."""

    summary: str
    note: str
    rows: tuple[CommitRow, ...]
    more: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Something that is not what it was in the drill before."""

    what: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One drill in the index."""

    date: str
    report: Markdown
    verdict: str
    decision: str
    target: str
    checklist: str
    gates: str
    commit: Markdown


@dataclass(frozen=True, slots=True)
class Index:
    """All drills, newest first."""

    summary: str
    rows: tuple[IndexRow, ...]


def commits(provenance: Provenance) -> Commits:
    """Return the commits since the last drill, the first 50 of them."""
    all_of_them = provenance.commits_since
    since = f" since {provenance.since[:_SHORT_SHA]}" if provenance.since else ""
    more = len(all_of_them) - _SHOWN_COMMITS
    return Commits(
        summary=f"{count(len(all_of_them), 'commit')}{since}",
        note=provenance.note,
        rows=tuple(_commit(one) for one in all_of_them[:_SHOWN_COMMITS]),
        more=f"{count(more, 'older commit')} not shown; all are in drill.json." if more > 0 else "",
    )


def commit_link(commit: CommitFacts) -> Markdown:
    """Return the short hash, linked where a remote is known."""
    return link(code(commit.sha[:_SHORT_SHA]), commit.url)


def issue_links(commit: CommitFacts) -> Markdown:
    """Return the issue references of a commit; numbered ones are linked where its own address shows how."""
    return join((link(issue, _issue_url(commit, issue)) for issue in commit.issues), ", ")


def changes(record: DrillRecord, previous: DrillRecord) -> tuple[ChangeRow, ...]:
    """Return what is not what it was: verdicts, the decision, the commit, and the figures of gates."""
    before, now = dict(_figures(previous)), dict(_figures(record))
    names = [*now, *(name for name in before if name not in now)]
    rows = (ChangeRow(name, before.get(name, "not there"), now.get(name, "not there")) for name in names)
    return tuple(row for row in rows if row.before != row.now)


def index(records: Sequence[tuple[str, DrillRecord]]) -> Index:
    """Return the index of (report file name, record) pairs, newest first."""
    ordered = sorted(records, key=lambda pair: (pair[1].started_at, pair[0]), reverse=True)
    green = sum(record.verdict is Verdict.PASS for _, record in ordered)
    return Index(f"{count(len(ordered), 'drill')}, {green} passed", tuple(_entry(*pair) for pair in ordered))


def passed(verdicts: Iterable[Verdict]) -> str:
    """Return how many of the verdicts are PASS, such as ``5 of 6``."""
    listed = list(verdicts)
    return f"{listed.count(Verdict.PASS)} of {len(listed)}"


def _commit(commit: CommitFacts) -> CommitRow:
    subject = clip(commit.subject, _SUBJECT)
    return CommitRow(commit_link(commit), day(commit.committed_at), subject, issue_links(commit))


def _issue_url(commit: CommitFacts, issue: str) -> str | None:
    """GitHub, GitLab and Bitbucket keep issues beside commits: …/commit(s)/<sha> and …/issues/<number>."""
    numbered = _NUMBERED.fullmatch(issue)
    if numbered is None or commit.url is None:
        return None
    place, _, last = commit.url.rpartition("/")
    root = place.removesuffix("/commits").removesuffix("/commit")
    return f"{root}/issues/{numbered[1]}" if last == commit.sha and root != place else None


def _figures(record: DrillRecord) -> Iterator[tuple[str, str]]:
    yield "Verdict", mark(record.verdict)
    yield "Decision", _decision(record)
    for item in chain(record.preconditions, record.checklist):
        yield f"{item.source} {item.title}", mark(item.verdict)
    for gate in record.gates:
        yield f"{gate.source} {gate.title}", f"{mark(gate.verdict)}, {quantity(gate.observed, gate.unit)}"


def _entry(file: str, record: DrillRecord) -> IndexRow:
    commit = record.provenance.commit
    return IndexRow(
        date=minute(record.started_at),
        report=link(record.title, file),
        verdict=mark(record.verdict),
        decision=_decision(record),
        target=record.target.name,
        checklist=passed(item.verdict for item in record.checklist),
        gates=passed(gate.verdict for gate in record.gates),
        commit=commit_link(commit) if commit else text("unknown"),
    )


def _decision(record: DrillRecord) -> str:
    return f"{record.decision.value} for {stage_title(record)}"
