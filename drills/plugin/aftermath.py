"""What becomes of a drill that was killed: its ledger gets its last words, and what it holds is published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from drills.clock import SYSTEM_CLOCK, Clock
from drills.errors import LeaseHeld, RunNotFound, SecretFound
from drills.evidence.drill_record import DrillRecord
from drills.evidence.ledger import Ledger, read_valid_prefix
from drills.evidence.publication import Published
from drills.evidence.records import DrillFinished, DrillStarted, LedgerEntry
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.plugin.publishing import judge_run, publish_run
from drills.plugin.signature import take_key
from drills.restore.journal import Journal
from drills.restore.lease import holder
from drills.restore.recover import told_by
from drills.restore.state import StateFolder

KILLED = "the drill was killed; these last words were written afterwards"


def find_run(state: StateFolder, run_id: str) -> RunFolder:
    """Return the folder of a run of this machine.

    Raises:
        RunNotFound: there is no such run, or it came to nothing.
    """
    folder = RunFolder(state.runs / Path(run_id).name)
    if not folder.ledger.is_file() or not _entries(folder):
        raise RunNotFound(f"there is no run {run_id}", remedy=f"ls {state.runs}")
    return folder


def unpublished(state: StateFolder) -> Iterator[RunFolder]:
    """Yield the runs that were begun, have no last word, and whose drill is gone."""
    for path in sorted(state.runs.iterdir()):
        folder = RunFolder(path)
        entries = _entries(folder) if folder.ledger.is_file() else ()
        if entries and not _is_closed(entries) and not _alive(state, entries):
            yield folder


def publish_again(
    folder: RunFolder,
    state: StateFolder,
    out: Path | None = None,
    clock: Clock = SYSTEM_CLOCK,
    sign_key: Path | None = None,
) -> tuple[DrillRecord, Published]:
    """Judge a run from its ledger and publish it; one that was killed gets its last words first.

    It goes to ``out``, or to where the drill itself would have published, signed if there is a key.

    Raises:
        LeaseHeld: the drill is still at it.
        SigningKeyInvalid: the key cannot be used.
        SecretFound: the drill itself was refused for that; what it knew as a secret is no longer known.
        EvidenceError: the evidence cannot be read or published.
    """
    _demand_no_refusal(folder)
    entries = _entries(folder)
    redactor = Redactor()
    redactor.register_environment(os.environ)
    key = take_key(sign_key, redactor)
    if not _is_closed(entries):
        if _alive(state, entries):
            raise LeaseHeld(f"drill {folder.root.name} is still at it", remedy="wait for its end")
        _write_last_words(folder, state, redactor, clock)
    record = judge_run(folder)
    return record, publish_run(folder, record, redactor, out or _destination(folder), key)


def _demand_no_refusal(folder: RunFolder) -> None:
    if folder.refusal.is_file():
        raise SecretFound(
            f"run {folder.root.name} was refused when it ended, and stays so:\n"
            + folder.refusal.read_text(encoding="utf-8"),
            remedy="find out how the secret got past the redactor, then drill again",
        )


def _entries(folder: RunFolder) -> tuple[LedgerEntry, ...]:
    return read_valid_prefix(folder.ledger).entries


def _is_closed(entries: tuple[LedgerEntry, ...]) -> bool:
    return any(isinstance(entry.fact, DrillFinished) for entry in entries)


def _journal(state: StateFolder, entries: tuple[LedgerEntry, ...]) -> Journal | None:
    started = entries[0].fact
    drill_id = started.drill_id if isinstance(started, DrillStarted) else ""
    journals = (Journal(path) for path in state.journals())
    return next((one for one in journals if one.opened and one.opened.drill_id == drill_id), None)


def _alive(state: StateFolder, entries: tuple[LedgerEntry, ...]) -> bool:
    journal = _journal(state, entries)
    record = holder(state.lease_of(journal.path)) if journal else None
    started = entries[0].fact
    return record is not None and isinstance(started, DrillStarted) and record.owner.drill_id == started.drill_id


def _write_last_words(folder: RunFolder, state: StateFolder, redactor: Redactor, clock: Clock) -> None:
    journal = _journal(state, _entries(folder))
    restored = told_by(journal) if journal else None
    with Ledger.resume(folder.ledger, clock, redactor) as ledger:
        if restored:
            ledger.append(restored)
        ledger.append(DrillFinished(outcome="interrupted", reason=KILLED))


def _destination(folder: RunFolder) -> Path:
    return Path(folder.destination.read_text(encoding="utf-8"))
