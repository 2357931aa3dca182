"""What has been published in one folder: its drills, and what there cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from drills.attestation import verify
from drills.errors import ConfigurationError, EvidenceError, IntegrityBroken
from drills.evidence.drill_record import DrillRecord
from drills.evidence.manifest import MANIFEST
from drills.evidence.publication import RECORD
from drills.evidence.records import Interval, TargetFacts
from drills.verdict.case import PublishedDrill


@dataclass(frozen=True, slots=True)
class PublishedDrills:
    """The published drills of ``out`` as (report file name, record). ``unread`` are folders whose record is broken."""

    out: Path
    drills: tuple[tuple[str, DrillRecord], ...]
    unread: tuple[str, ...]

    @classmethod
    def of(cls, out: Path) -> PublishedDrills:
        """Read every record in ``out``; nothing is verified yet."""
        drills, unread = [], []
        for folder in sorted({path.parent for name in (RECORD, MANIFEST) for path in out.glob(f"*/{name}")}):
            try:
                record = DrillRecord.model_validate_json((folder / RECORD).read_bytes())
            except (OSError, ValidationError):
                unread.append(folder.name)
            else:
                drills.append((f"{folder.name}.md", record))
        return cls(out, tuple(drills), tuple(unread))

    def newest(self, runbook: str, target: TargetFacts) -> PublishedDrill | None:
        """Return the newest drill that counts for ``target``, verified; None where there is none."""
        counting = [(report, record) for report, record in self.drills if counts(record, runbook, target)]
        if not counting:
            return None
        report, record = max(counting, key=lambda pair: (pair[1].finished_at, pair[0]))
        return PublishedDrill(report, record, self._deviation(report))

    def without(self, drill_ids: Iterator[str]) -> tuple[str, ...]:
        """Return those of ``drill_ids`` that are not published."""
        there = {record.drill_id for _, record in self.drills}
        return tuple(dict.fromkeys(drill_id for drill_id in drill_ids if drill_id not in there))

    def disturbances(self, target: TargetFacts, begin: datetime, end: datetime) -> tuple[Interval, ...]:
        """Return when verified drills disturbed this very target between two moments."""
        found: list[Interval] = []
        for report, record in self.drills:
            here = (record.target.name, record.target.environment) == (target.name, target.environment)
            meanwhile = record.started_at <= end and record.finished_at >= begin
            if here and meanwhile and record.disturbances and not self._deviation(report):
                found += record.disturbances
        return tuple(found)

    def _deviation(self, report: str) -> str:
        try:
            verify(self.out / report)
        except (EvidenceError, ConfigurationError) as error:
            return " ".join(error.message.split())
        return ""


def verified_record(place: Path) -> DrillRecord:
    """Return the record of the drill published at ``place``, a report or its folder, after verifying all of it.

    Raises:
        RunNotFound: there is no published drill.
        IntegrityBroken: it is not as it was published; every deviation is named.
    """
    record = verify(place).record
    if record is None:
        raise IntegrityBroken(f"{place} holds no record", remedy="fetch the original evidence")
    return record


def counts(record: DrillRecord, runbook: str, target: TargetFacts) -> bool:
    """Say whether a drill is evidence for ``target``.

    A staging rests on its own drills. Production rests on the newest drill of any real environment, because a
    rollout is rehearsed before it reaches production.
    """
    if not isinstance(record.runbook, dict) or record.runbook.get("id") != runbook:
        return False
    if target.environment == "production":
        return record.target.environment != "embedded"
    return (record.target.name, record.target.environment) == (target.name, target.environment)
