from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.clock import FrozenClock
from drills.evidence.ledger import Ledger
from drills.evidence.redaction import Redactor


@pytest.fixture
def redactor() -> Redactor:
    return Redactor("canary-planted-in-every-channel")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC))


@pytest.fixture
def ledger(tmp_path: Path, clock: FrozenClock, redactor: Redactor) -> Iterator[Ledger]:
    with Ledger.create(tmp_path / "ledger.jsonl", clock, redactor) as ledger:
        yield ledger
