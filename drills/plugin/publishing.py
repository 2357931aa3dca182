"""From the private files of a run to what is published: judge, render, publish, index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from drills.evidence.attesting import Attestor
from drills.evidence.ledger import read_valid_prefix
from drills.evidence.publication import RECORD, Publication, Published, publish
from drills.evidence.records import DrillRecord, Verdict
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.evidence.signing import SigningKey
from drills.report.render import render_index, render_report, render_step_summary
from drills.verdict.judge import judge

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 10, Verdict.NOT_RUN: 10}
NOT_RESTORED, INTERRUPTED = 11, 130
INDEX = "README.md"
#: What pytest writes about a run; a drill that was killed has neither.
JUNIT, PAGE = "junit.xml", "pytest.html"


def judge_run(folder: RunFolder) -> DrillRecord:
    """Return the record of a run, also of one that was killed.

    Raises:
        LedgerDamaged: the ledger holds no drill.
    """
    return judge(read_valid_prefix(folder.ledger).entries)


def publish_run(
    folder: RunFolder, record: DrillRecord, redactor: Redactor, out: Path, key: SigningKey | None = None
) -> Published:
    """Publish the record of a run with its report, artefacts and pytest's reports, and bring the index up to date.

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
            extra=_pytest_reports(folder),
            attestor=attestor,
        ),
        out,
    )
    write_index(out)
    _write_step_summary(record)
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
    """Write the index of ``out`` anew, in one step, and return its path."""
    index = out / INDEX
    fresh = out / f".{INDEX}.{os.getpid()}"
    fresh.write_text(render_index(published_records(out)), encoding="utf-8")
    fresh.replace(index)
    return index


def exit_code(record: DrillRecord) -> int:
    """Return the exit code of a drill: switches first, then how it ended, then its verdict."""
    if not record.is_restored:
        return NOT_RESTORED
    if record.outcome == "interrupted":
        return INTERRUPTED
    return EXIT_CODES[record.verdict]


def _pytest_reports(folder: RunFolder) -> dict[str, bytes]:
    paths = (folder.quarantine / name for name in (JUNIT, PAGE))
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _write_step_summary(record: DrillRecord) -> None:
    """Append to the summary of a GitHub job, where this is one."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(render_step_summary(record))
