"""What was rolled back and brought back, and how every switch was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drills.evidence.drill_record import DrillRecord, JudgedRollback
from drills.evidence.records import Restored, SwitchRestored, Verdict
from drills.report.markdown import Markdown, bold, code, join, text
from drills.report.names import switch_keys
from drills.report.wording import count, duration, mark, second

_BY = {
    "drill": "the drill",
    "watchdog": "the watchdog",
    "restore": "drill restore",
    "lease": "the target's lease",
}


@dataclass(frozen=True, slots=True)
class RollbackRow:
    """One subject rolled back and brought back, with its times."""

    verdict: str
    subject: Markdown
    before: Markdown
    fallback: Markdown
    recovery: Markdown
    objective: str


@dataclass(frozen=True, slots=True)
class RestoredRow:
    """How one switch was found and left."""

    verdict: str
    switch: Markdown
    baseline: Markdown
    found: Markdown
    final: Markdown
    by: str
    verified: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """The end state of every switch. ``alarm`` says what is wrong with it; it is empty when all are back.

    ``promise`` says what would have become of the switches with nobody left to put them back.
    """

    summary: str
    alarm: tuple[Markdown, ...]
    rows: tuple[RestoredRow, ...]
    promise: Markdown


def rollback_rows(record: DrillRecord) -> tuple[RollbackRow, ...]:
    """Return the lines of the rollback table."""
    keys = switch_keys(record)
    return tuple(_rollback(one, keys) for one in record.rollback)


def rollback_reasons(record: DrillRecord) -> tuple[str, ...]:
    """Return why a rollback did not pass, subject by subject."""
    return tuple(f"{one.subject}: {one.reason}" for one in record.rollback if one.verdict is not Verdict.PASS)


def restoration(record: DrillRecord) -> Restoration:
    """Return the end state of every switch, with an alarm unless every one is proved to be back."""
    promise = _promise(record)
    known = record.restored is not None or record.outcome == "completed"
    if known and not record.switches and (record.restored is None or record.restored == Restored(switches=())):
        return Restoration("No switch was touched.", (), (), promise)
    if record.restored is None:
        return Restoration("The ledger ends before the switches were read back.", (_unknown(record),), (), promise)
    keys, switches = switch_keys(record), record.restored.switches
    rows = tuple(_restored(one, keys) for one in switches)
    alarm = [_left(one, keys) for one in switches if not one.restored]
    alarm += [text(problem) for problem in record.restored.problems]
    back = sum(one.restored for one in switches)
    return Restoration(
        f"{back} of {count(len(switches), 'switch', 'switches')} back at the baseline.", tuple(alarm), rows, promise
    )


def _promise(record: DrillRecord) -> Markdown:
    lease = record.target.lease_seconds
    lost = "Should the drill be lost together with its watchdog, as when its machine goes down,"
    if lease is not None:
        return text(f"{lost} the target puts its switches back by itself after {duration(lease)} without a word.")
    cannot = bold("Crash safety cannot be promised for this target.")
    left = text(f"{lost} switches stay as they are until someone types")
    return Markdown(f"{cannot} {left} {code('drill restore')}: the target has no lease that runs out.")


def _rollback(one: JudgedRollback, keys: Mapping[str, str]) -> RollbackRow:
    return RollbackRow(
        verdict=mark(one.verdict),
        subject=join([one.subject, f"level {one.level}"]),
        before=join([code(keys.get(one.switch, one.switch)), code(one.before)]),
        fallback=_phase(one.off_requested_at, one.fallback_at, one.seconds_to_fallback),
        recovery=_phase(one.on_requested_at, one.recovered_at, one.seconds_to_recover),
        objective=f"≤ {duration(one.objective_seconds)}",
    )


def _phase(asked: datetime | None, seen: datetime | None, took: float | None) -> Markdown:
    if asked is None:
        return text("not asked for")
    if seen is None or took is None:
        return join(["never seen", f"asked {second(asked)}"])
    return join([duration(took), f"{second(asked)} → {second(seen)}"])


def _restored(one: SwitchRestored, keys: Mapping[str, str]) -> RestoredRow:
    return RestoredRow(
        verdict="✅\N{NO-BREAK SPACE}restored" if one.restored else "❌\N{NO-BREAK SPACE}not restored",
        switch=code(keys.get(one.switch, one.switch)),
        baseline=code(one.baseline),
        found=_value(one.found),
        final=_value(one.final),
        by=_BY[one.by],
        verified=one.verified,
    )


def _left(one: SwitchRestored, keys: Mapping[str, str]) -> Markdown:
    key, baseline = code(keys.get(one.switch, one.switch)), code(one.baseline)
    return Markdown(f"{key} must be {baseline} and is {_value(one.final)}. {text(one.verified)}".rstrip())


def _unknown(record: DrillRecord) -> Markdown:
    keys = switch_keys(record)
    touched = dict.fromkeys(one.switch for one in record.switches)
    named = join((code(keys.get(one, one)) for one in touched), ", ")
    return Markdown(f"The drill ended before it read its switches back. It had touched {named or 'none'}.")


def _value(value: str | None) -> Markdown:
    return text("unreadable") if value is None else code(value)
