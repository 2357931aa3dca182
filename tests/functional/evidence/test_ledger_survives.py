"""What was written in the ledger outlives the process, and the disk that fills up."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from drills.clock import SYSTEM_CLOCK, FrozenClock
from drills.errors import EvidenceError
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.ledger import Ledger, read_ledger, read_valid_prefix
from drills.evidence.records import ItemStarted
from drills.evidence.redaction import Redactor

FORK = multiprocessing.get_context("fork")


def _append_and_die(path: Path, facts: int) -> NoReturn:
    ledger = Ledger.create(path, SYSTEM_CLOCK, Redactor())
    for number in range(facts):
        ledger.append(ItemStarted(item=f"item-{number}"))
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def test_every_appended_fact_survives_sigkill(tmp_path: Path) -> None:
    """Once append has returned, nothing that happens to the process takes the fact back."""
    path = tmp_path / "ledger.jsonl"
    process = FORK.Process(target=_append_and_die, args=(path, 25))
    process.start()
    process.join()

    assert process.exitcode == -signal.SIGKILL
    assert [entry.fact for entry in read_ledger(path)] == [ItemStarted(item=f"item-{number}") for number in range(25)]


def _append_forever(path: Path) -> NoReturn:
    ledger = Ledger.create(path, SYSTEM_CLOCK, Redactor())
    while True:
        ledger.append(ItemStarted(item="x" * 20_000))


@pytest.mark.parametrize("size", [1, 50_000, 300_000])
def test_a_ledger_cut_off_at_any_moment_is_readable(tmp_path: Path, size: int) -> None:
    """Killed from outside while it writes, a ledger is whole up to at most one torn line."""
    path = tmp_path / "ledger.jsonl"
    process = FORK.Process(target=_append_forever, args=(path,))
    process.start()
    while not (path.exists() and path.stat().st_size >= size):
        assert process.is_alive()
    process.kill()
    process.join()
    reading = read_valid_prefix(path)

    assert len(reading.entries) >= size // 21_000
    assert reading.damage is None or "is torn" in reading.damage


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_fact_that_does_not_fit_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    """A write that the disk takes half is undone; when there is room again the chain goes on."""
    clock = FrozenClock(datetime(2026, 2, 20, tzinfo=UTC))
    with Ledger.create(tmp_path / "ledger.jsonl", clock, Redactor()) as ledger:
        first = ledger.append(ItemStarted(item="web"))
        with (
            _largest_file(ledger.path.stat().st_size + 100),
            pytest.raises(EvidenceError, match="could not be written"),
        ):
            ledger.append(ItemStarted(item="x" * 1000))
        assert ledger.head == first.hash
        assert read_ledger(ledger.path) == (first,)
        second = ledger.append(ItemStarted(item="mobile"))

    assert read_ledger(ledger.path) == (first, second)


def test_an_artefact_that_does_not_fit_leaves_no_part_of_itself(tmp_path: Path) -> None:
    """A file cut short is no evidence: it is taken away, and the ledger does not speak of it."""
    clock, redactor = FrozenClock(datetime(2026, 2, 20, tzinfo=UTC)), Redactor()
    with Ledger.create(tmp_path / "ledger.jsonl", clock, redactor) as ledger:
        store = ArtefactStore(tmp_path / "artefacts", redactor, ledger)
        with _largest_file(4096), pytest.raises(EvidenceError, match=r"log\.txt: could not be kept: File too large"):
            store.keep("log.txt", b"x" * 5000, category="logs", title="Log", media_type="text/plain")

    assert list(store.root.iterdir()) == []
    assert read_ledger(ledger.path) == ()
