from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drills.clock import FrozenClock
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.ledger import Ledger
from drills.evidence.publication import Publication
from drills.evidence.records import ItemStarted
from drills.evidence.redaction import Redactor

PublicationFactory = Callable[..., Publication]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor("canary-planted-in-every-channel")


@pytest.fixture
def publication(tmp_path: Path, redactor: Redactor) -> Publication:
    """A finished run with a log and a table, ready to be published."""
    run = tmp_path / "run"
    run.mkdir()
    clock = FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC))
    with Ledger.create(run / "ledger.jsonl", clock, redactor) as ledger:
        store = ArtefactStore(run / "artefacts", redactor, ledger)
        ledger.append(ItemStarted(item="web"))
        store.keep("runtime.log", b"one\n", category="logs", title="Log", media_type="text/plain")
        store.keep("reasons.csv", b"a,b\r\n", category="metrics", title="Reasons", media_type="text/csv")
    return Publication(
        date=date(2026, 2, 20),
        slug="Khala cutover",
        report=lambda name: f"# Drill\n\n[Log]({name}/runtime.log)\n",
        record=b'{"schema_version": 1}\n',
        artefacts=run / "artefacts",
        ledger=run / "ledger.jsonl",
        redactor=redactor,
        extra={"junit.xml": b"<testsuites/>\n"},
    )


@pytest.fixture
def changed(publication: Publication) -> PublicationFactory:
    """Return a maker of the same publication with other fields."""
    return lambda **fields: dataclasses.replace(publication, **fields)
