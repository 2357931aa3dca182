"""The view model of a report: everything a template prints, decided here, from the record alone.

A field of type ``str`` is data and is made inert on its way into the document; a field of type ``Markdown`` is ready.
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.evidence.drill_record import DrillRecord, Moment
from drills.report.decisions import DecisionRow, decision_row
from drills.report.exhibits import Exhibits, FileList, Picture, RecordingRow, canary_words
from drills.report.gates import Disturbances, GateRow, disturbances, gate_reasons, gate_rows
from drills.report.headline import Fact, Headline, facts, headline, reasons, subtitle
from drills.report.history import ChangeRow, Commits, changes, commits
from drills.report.items import ItemRow, RequiredRow, item_rows, required_rows
from drills.report.markdown import Markdown, code, fence, text
from drills.report.rollback import Restoration, RollbackRow, restoration, rollback_reasons, rollback_rows
from drills.report.wording import duration, second


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One moment: time of day, since the start, what happened."""

    at: str
    since_start: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One report. ``changes`` is None when there is no earlier drill to compare with."""

    title: str
    subtitle: Markdown
    headline: Headline
    facts: tuple[Fact, ...]
    reasons: tuple[str, ...]
    decision_reasons: tuple[str, ...]
    changes: tuple[ChangeRow, ...] | None
    decisions: tuple[DecisionRow, ...]
    preconditions: tuple[ItemRow, ...]
    checklist: tuple[ItemRow, ...]
    gates: tuple[GateRow, ...]
    gate_reasons: tuple[str, ...]
    gates_source: str
    gates_problems: tuple[str, ...]
    disturbances: Disturbances
    required: tuple[RequiredRow, ...]
    rollback: tuple[RollbackRow, ...]
    rollback_reasons: tuple[str, ...]
    restoration: Restoration
    pictures: tuple[Picture, ...]
    screenshots: tuple[tuple[Picture, ...], ...]
    timeline: tuple[TimelineRow, ...]
    commits: Commits
    files: FileList
    canary: str
    recordings: tuple[RecordingRow, ...]
    reproduce: Markdown
    risks: tuple[str, ...]
    signature: Markdown
    verify: Markdown


def build_page(
    record: DrillRecord, folder: str | None, previous: DrillRecord | None = None, signed_by: str | None = None
) -> Page:
    """Return the page of ``record``. Links go below ``folder``; a page shown elsewhere has none."""
    exhibits = Exhibits(record, folder)
    return Page(
        title=record.title,
        subtitle=subtitle(record),
        headline=headline(record),
        facts=facts(record),
        reasons=reasons(record),
        decision_reasons=record.decision.reasons,
        changes=None if previous is None else changes(record, previous),
        decisions=tuple(decision_row(decided) for decided in record.decisions),
        preconditions=item_rows(record.preconditions, exhibits),
        checklist=item_rows(record.checklist, exhibits),
        gates=gate_rows(record.gates),
        gate_reasons=gate_reasons(record.gates),
        gates_source=_samples_source(record),
        gates_problems=record.samples.problems if record.samples else (),
        disturbances=disturbances(record.disturbances),
        required=required_rows(record.required_artefacts, exhibits),
        rollback=rollback_rows(record),
        rollback_reasons=rollback_reasons(record),
        restoration=restoration(record),
        pictures=exhibits.pictures(),
        screenshots=exhibits.screenshots(),
        timeline=tuple(_moment(one, record) for one in record.timeline),
        commits=commits(record.provenance),
        files=exhibits.files(),
        canary=canary_words(record.canary),
        recordings=exhibits.recordings(),
        reproduce=fence(_reproduce(record), "sh"),
        risks=record.residual_risks,
        signature=signature(signed_by),
        verify=fence(_verify(folder or record.drill_id, signed_by), "sh"),
    )


def signature(signed_by: str | None) -> Markdown:
    """Return who signed the publication, and what that is worth."""
    if signed_by is None:
        return text("Unsigned: this shows that the evidence is consistent, not who published it.")
    key = code(signed_by)
    return Markdown(f"Signed by key {key}. Take its public half from someone you trust, never from this folder:")


def _verify(folder: str, signed_by: str | None) -> str:
    return f"drill verify {folder}" + (" --key KEY.pub" if signed_by else "")


def _samples_source(record: DrillRecord) -> str:
    if record.samples is None:
        return "No metric samples were taken."
    samples = record.samples
    span = duration((samples.finished_at - samples.started_at).total_seconds())
    every = duration(samples.interval_seconds)
    return f"Samples: {samples.source}, {len(samples.series)} series, every {every} for {span}."


def _moment(one: Moment, record: DrillRecord) -> TimelineRow:
    since = (one.at - record.started_at).total_seconds()
    return TimelineRow(second(one.at), f"+{since:.1f} s", one.text)


def _reproduce(record: DrillRecord) -> str:
    commit = record.provenance.commit
    if commit is None:
        return record.command
    dirty = "  # and uncommitted changes that no commit holds" if record.provenance.dirty else ""
    return f"git checkout {commit.sha}{dirty}\n{record.command}"
