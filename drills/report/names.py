"""What the runbook inside a record calls things. A record is shown even where its runbook does not name them."""

from __future__ import annotations

from collections.abc import Iterator

from drills.evidence.drill_record import DrillRecord


def switch_keys(record: DrillRecord) -> dict[str, str]:
    """Return the key of each switch by its id, such as ``VITE_KHALA_SYNC_ENABLED``."""
    return dict(_names(record, "switches", "key"))


def stage_title(record: DrillRecord) -> str:
    """Return the title of the stage that the decision is about."""
    return dict(_names(record, "stages", "title")).get(record.decision.stage, record.decision.stage)


def _names(record: DrillRecord, kind: str, field: str) -> Iterator[tuple[str, str]]:
    runbook = record.runbook if isinstance(record.runbook, dict) else {}
    entries = runbook.get(kind)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get(field):
            yield str(entry.get("id")), str(entry[field])
