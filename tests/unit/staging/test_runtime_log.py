from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from drills.clock import FrozenClock
from drills.staging.runtime_log import RuntimeLog


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RuntimeLog]:
    log = RuntimeLog(tmp_path / "log.ndjson", FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC)))
    for number in range(3):
        log.write("auditor", "cycle", number=number)
        log.write("runtime", "other", "warning")
    yield log
    log.close()


def test_the_newest_lines_of_a_component_come_oldest_first(log: RuntimeLog) -> None:
    """A component's last lines are JSON with time, level, component, message and facts."""
    lines = [orjson.loads(line) for line in log.newest("auditor", 2).splitlines()]

    assert [line["number"] for line in lines] == [1, 2]
    assert lines[0] == {
        "at": "2026-02-20T09:30:00+00:00",
        "level": "info",
        "component": "auditor",
        "message": "cycle",
        "number": 1,
    }


def test_without_a_component_all_lines_come(log: RuntimeLog, tmp_path: Path) -> None:
    """All lines are served in order, as they stand in the file; none are when none are asked for."""
    assert log.newest(None, 10) == (tmp_path / "log.ndjson").read_bytes()
    assert log.newest(None, 0) == b""
