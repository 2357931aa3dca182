"""The published schema of drill.json is the one of the record."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from drills.evidence.drill_record import DrillRecord

SCHEMA = Path(__file__).parents[2] / "docs" / "drill.schema.json"
#: Set to write the schema anew: ``UPDATE_SCHEMA=1 nox -s docs``.
UPDATE = "UPDATE_SCHEMA"


def test_the_published_schema_is_current() -> None:
    """Who reads drill.json without this package can rely on the schema beside the documentation."""
    current = json.dumps(DrillRecord.model_json_schema(), indent=1, sort_keys=True) + "\n"
    if os.environ.get(UPDATE):
        SCHEMA.write_text(current, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == current


@pytest.mark.parametrize(
    "path", sorted(SCHEMA.parent.glob("sync/status/*/drill.json")), ids=lambda path: path.parent.name
)
def test_published_records_can_be_read(path: Path) -> None:
    """Every report in the repository still has a record that this version understands."""
    record = DrillRecord.model_validate_json(path.read_bytes())
    assert path.parent.with_suffix(".md").exists() or record.slug in path.parent.name
