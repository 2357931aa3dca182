"""From the private files of a run to what is published: judge, render, publish, index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from drills.errors import EvidenceError, IntegrityBroken
from drills.evidence.attesting import Attestor
from drills.evidence.decisions import DECISIONS, Recorded, read_decisions
from drills.evidence.drill_record import DrillRecord
from drills.evidence.ledger import read_valid_prefix
from drills.evidence.placing import put_anew
from drills.evidence.publication import RECORD, Publication, Published, publish
from drills.evidence.records import StageDecided, Verdict
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.evidence.signing import SigningKey
from drills.report.decisions import PAGE as PAGE_OF_DECISIONS
from drills.report.render import render_decisions, render_index, render_report, render_step_summary
from drills.verdict.judge import judge
from drills.verdict.promotion import follows

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 10, Verdict.NOT_RUN: 10}
NOT_RESTORED, INTERRUPTED = 11, 130
INDEX = "README.md"


def judge_run(folder: RunFolder) -> DrillRecord:
    """Return the record of a run, also of one that was killed.

    Raises:
        LedgerDamaged: the ledger holds no drill.
    """
    return judge(read_valid_prefix(folder.ledger).entries)


def publish_run(
    folder: RunFolder, record: DrillRecord, redactor: Redactor, out: Path, key: SigningKey | None = None
) -> Published:
    """Publish the record of a run with its report and artefacts, and bring the index up to date.

    With a ``key`` the publication is signed.

    Raises:
        EvidenceError: it cannot be published; the run folder keeps everything.
    """
    earlier = published_records(out)
    previous = max((found for _, found in earlier), key=lambda found: found.finished_at, default=None)
    attestor = Attestor(record, key) if key else None
    signed_by = attestor.signed_by if attestor else None
    published = publish(
        Publication(
            date=record.started_at.date(),
            slug=record.slug,
            report=lambda name: render_report(record, folder=name, previous=previous, signed_by=signed_by),
            record=record.model_dump_json().encode() + b"\n",
            artefacts=folder.artefacts,
            ledger=folder.ledger,
            redactor=redactor,
            attestor=attestor,
        ),
        out,
    )
    write_index(out)
    append_step_summary(render_step_summary(record))
    return published


def published_records(out: Path) -> Sequence[tuple[str, DrillRecord]]:
    """Return (report file name, record) of every drill published in ``out``; what cannot be read counts for nothing."""
    found = []
    for path in sorted(out.glob(f"*/{RECORD}")):
        try:
            found.append((f"{path.parent.name}.md", DrillRecord.model_validate_json(path.read_bytes())))
        except (OSError, ValidationError):
            continue
    return found


def write_index(out: Path) -> Path:
    """Write the index of ``out`` and its page of stage decisions anew, each in one step; return the index's path."""
    decisions, damage = _decisions(out)
    if decisions:
        _replace(out / PAGE_OF_DECISIONS, render_decisions(decisions))
    return _replace(out / INDEX, render_index(published_records(out), decisions, damage=damage))


def decisions_of(out: Path) -> tuple[Recorded, ...]:
    """Return the stage decisions recorded in ``out``, oldest first.

    Raises:
        LedgerDamaged: the chain of the log is broken.
        IntegrityBroken: a decision does not follow from what it rests on.
    """
    recorded = read_decisions(out)
    wrong = [str(entry.number) for entry in recorded if not follows(entry.decided)]
    if wrong:
        raise IntegrityBroken(
            f"{out / DECISIONS}: not what their own requirements give: decision {', '.join(wrong)}",
            remedy="fetch the original log",
        )
    return recorded


def recent_decisions(out: Path, runbook: str) -> tuple[StageDecided, ...]:
    """Return the stage decisions by ``runbook`` since the newest drill in ``out``; none of a log that is damaged."""
    last = max((record.finished_at for _, record in published_records(out)), default=None)
    decisions, _ = _decisions(out)
    return tuple(one for one in decisions if one.runbook == runbook and (last is None or one.decided_at > last))


def exit_code(record: DrillRecord) -> int:
    """Return the exit code of a drill: switches first, then how it ended, then its verdict."""
    if not record.is_restored:
        return NOT_RESTORED
    if record.outcome == "interrupted":
        return INTERRUPTED
    return EXIT_CODES[record.verdict]


def append_step_summary(summary: str) -> None:
    """Append to the summary of a GitHub job, where this is one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(summary)


def _decisions(out: Path) -> tuple[tuple[StageDecided, ...], str]:
    """Return the decisions, or none and what is wrong with the log: a drill is published all the same."""
    try:
        return tuple(entry.decided for entry in decisions_of(out)), ""
    except EvidenceError as error:
        return (), error.message


def _replace(path: Path, content: str) -> Path:
    put_anew(path, content.encode())
    return path
