"""What was rolled back and brought back, and how every switch was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drills.evidence.records import DrillRecord, JudgedRollback, SwitchRestored, Verdict
from drills.report.markdown import Markdown, code, join, text
from drills.report.names import switch_keys
from drills.report.wording import count, duration, mark, second

_BY = {"drill": "the drill", "watchdog": "the watchdog", "restore": "drill restore"}


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
    """The end state of every switch. ``alarm`` says what is wrong with it; it is empty when all are back."""

    summary: str
    alarm: tuple[Markdown, ...]
    rows: tuple[RestoredRow, ...]


def rollback_rows(record: DrillRecord) -> tuple[RollbackRow, ...]:
    """Return the lines of the rollback table."""
    keys = switch_keys(record)
    return tuple(_rollback(one, keys) for one in record.rollback)


def rollback_reasons(record: DrillRecord) -> tuple[str, ...]:
    """Return why a rollback did not pass, subject by subject."""
    return tuple(f"{one.subject}: {one.reason}" for one in record.rollback if one.verdict is not Verdict.PASS)


def restoration(record: DrillRecord) -> Restoration:
    """Return the end state of every switch, with an alarm unless every one is proved to be back."""
    if record.restored is None and record.outcome == "completed" and not record.switches:
        return Restoration("No switch was touched.", (), ())
    if record.restored is None:
        return Restoration("The ledger ends before the switches were read back.", (_unknown(record),), ())
    keys, switches = switch_keys(record), record.restored.switches
    rows = tuple(_restored(one, keys) for one in switches)
    alarm = [_left(one, keys) for one in switches if not one.restored]
    alarm += [text(problem) for problem in record.restored.problems]
    back = sum(one.restored for one in switches)
    return Restoration(
        f"{back} of {count(len(switches), 'switch', 'switches')} back at the baseline.", tuple(alarm), rows
    )


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
