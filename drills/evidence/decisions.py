"""The log of stage decisions: a ledger of its own beside the reports, appended to and never rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from drills.canonical import encode
from drills.clock import Clock
from drills.errors import LedgerDamaged, SecretFound
from drills.evidence.durable import PUBLIC_FILE
from drills.evidence.ledger import Ledger, read_ledger
from drills.evidence.records import LedgerEntry, StageDecided
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files

DECISIONS = "decisions.jsonl"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision and its number in the log."""

    number: int
    decided: StageDecided


def read_decisions(out: Path) -> tuple[Recorded, ...]:
    """Return all decisions recorded in ``out``, oldest first; none where there is no log.

    Raises:
        LedgerDamaged: the chain is broken, or holds something else than decisions.
    """
    log = out / DECISIONS
    return tuple(_recorded(log, read_ledger(log))) if log.exists() or log.is_symlink() else ()


def record_decision(out: Path, decided: StageDecided, lock: Path, clock: Clock, redactor: Redactor) -> Recorded:
    """Append a decision, without secrets, to the log in ``out``; ``lock`` is a private file that guards the log.

    Raises:
        SecretFound: the last scan found a secret in it; nothing was written.
        LedgerDamaged: the log is damaged: nothing is added to what cannot be believed.
        EvidenceError: it could not be written.
    """
    _holds_no_secret(decided, redactor)
    out.mkdir(parents=True, exist_ok=True)
    log = out / DECISIONS
    with FileLock(lock):
        there = bool(read_decisions(out))
        with Ledger.resume(log, clock, redactor) if there else _new(log, clock, redactor) as ledger:
            entry = ledger.append(decided)
    return next(_recorded(log, [entry]))


def _new(log: Path, clock: Clock, redactor: Redactor) -> Ledger:
    ledger = Ledger.create(log, clock, redactor)
    log.chmod(PUBLIC_FILE)
    return ledger


def _recorded(log: Path, entries: tuple[LedgerEntry, ...] | list[LedgerEntry]) -> Iterator[Recorded]:
    for entry in entries:
        if not isinstance(entry.fact, StageDecided):
            raise LedgerDamaged(f"{log}: line {entry.seq} is not a decision", remedy="fetch the original log")
        yield Recorded(entry.seq, entry.fact)


def _holds_no_secret(decided: StageDecided, redactor: Redactor) -> None:
    line = encode(redactor.redact_json(decided.model_dump(mode="json")))
    if findings := scan_files({"decisions.json": line}, redactor.secrets):
        raise SecretFound("the decision was not recorded; it holds secrets: " + ", ".join(map(str, findings)))
