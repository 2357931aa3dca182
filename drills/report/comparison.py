"""What changed between two drills: verdicts, figures, times, code, target, and what was not shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from drills.evidence.drill_record import DrillRecord, JudgedCheck, JudgedItem
from drills.evidence.records import Scalar, Verdict
from drills.report.names import stage_title
from drills.report.wording import duration, scalar

Trend = Literal["better", "worse", ""]
#: Rising is good, falling is good, or neither says anything.
Aim = Literal["up", "down", ""]
_RANKS: dict[Scalar, int] = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.NOT_RUN: 2, Verdict.PASS: 3}
_DECISIONS: dict[Scalar, int] = {"NO-GO": 0, "GO": 1}


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that a record says. ``aim`` tells which way is better, where a number has one.

    ``key`` tells it from others of its group where its words may change; else they do.
    """

    group: str
    what: str
    value: Scalar
    unit: str = ""
    aim: Aim = ""
    key: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """What two drills have in common that say the same thing, perhaps with another value."""
        return self.group, self.key or self.what


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not what it was; None stands for what is not there, or was not observed."""

    group: str
    what: str
    before: Scalar
    after: Scalar
    unit: str
    trend: Trend


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two drills and everything that differs; ``same`` counts what does not."""

    before: DrillRecord
    after: DrillRecord
    changes: tuple[Change, ...]
    same: int


def compare(before: DrillRecord, after: DrillRecord) -> Comparison:
    """Return what changed from one drill to the other, in the order in which a report tells it."""
    had = {figure.place: figure for figure in figures(before)}
    has = {figure.place: figure for figure in figures(after)}
    groups = list(dict.fromkeys(group for group, _ in chain(has, had)))
    places = sorted(dict.fromkeys(chain(has, had)), key=lambda place: groups.index(place[0]))
    changes = tuple(_change(had.get(place), has.get(place)) for place in places)
    different = tuple(change for change in changes if change.before != change.after)
    return Comparison(before, after, different, len(changes) - len(different))


def said(change: Change) -> str:
    """Return a change in words."""
    if {change.before, change.after} == {None, True}:
        return f"{change.what}: {'new' if change.after else 'gone'}"
    return f"{change.what}: {_value(change.before, change.unit)} → {_value(change.after, change.unit)}"


def figures(record: DrillRecord) -> Iterator[Figure]:
    """Yield everything in a record that can be held against another one."""
    yield Figure("verdict", "Verdict", record.verdict)
    yield Figure("verdict", f"Decision on {stage_title(record)}", record.decision.value)
    yield Figure("verdict", "Outcome", record.outcome)
    yield from _items(record)
    yield from _gates(record)
    yield from _rollback(record)
    yield from _required(record)
    yield from _code(record)
    yield from _target(record)
    yield from (Figure("not shown", risk, value=True) for risk in record.residual_risks)


def _items(record: DrillRecord) -> Iterator[Figure]:
    items = (*record.preconditions, *record.checklist)
    yield from (Figure("items", f"{item.source} {item.title}", item.verdict) for item in items)
    yield from chain.from_iterable(map(_checks, items))


def _checks(item: JudgedItem) -> Iterator[Figure]:
    """Yield the verdict of each check, the worst where it was made more than once.

    What it observed differs from drill to drill and is in the reports.
    """
    worst: dict[tuple[str, str, str], JudgedCheck] = {}
    for check in item.checks:
        key = (check.id, check.surface or "", check.step or "")
        worst[key] = min(worst.get(key, check), check, key=lambda one: _RANKS[one.verdict])
    for parts, check in worst.items():
        where = " ".join(part for part in parts[1:] if part)
        title = f"{item.source} {check.title}{f' [{where}]' if where else ''}"
        yield Figure("checks", title, check.verdict, key=" ".join((item.id, *parts)))


def _gates(record: DrillRecord) -> Iterator[Figure]:
    for gate in record.gates:
        name = f"{gate.source} {gate.title}"
        yield Figure("gates", name, gate.verdict)
        yield Figure("gates", f"{name}, observed", gate.observed, gate.unit)
        yield Figure("gates", f"{name}, worst", gate.worst, gate.unit)
        yield Figure("gates", f"{name}, threshold", gate.threshold, gate.unit)
        yield Figure("gates", f"{name}, margin", gate.margin, gate.unit, "up")
        yield Figure("gates", f"{name}, window", gate.window_seconds, "s")


def _rollback(record: DrillRecord) -> Iterator[Figure]:
    for one in record.rollback:
        yield Figure("rollback", f"{one.subject}", one.verdict)
        yield Figure(
            "rollback", f"{one.subject}, off until the legacy lane was proved", one.seconds_to_fallback, "s", "down"
        )
        yield Figure("rollback", f"{one.subject}, on until recovered", one.seconds_to_recover, "s", "down")
        yield Figure("rollback", f"{one.subject}, objective", one.objective_seconds, "s")
    yield Figure("rollback", "Every switch is proved to be back", record.is_restored)


def _required(record: DrillRecord) -> Iterator[Figure]:
    for one in record.required_artefacts:
        yield Figure("artefacts", f"{one.source} {one.title}", one.verdict)


def _code(record: DrillRecord) -> Iterator[Figure]:
    code = record.provenance
    yield Figure("code", "Commit", code.commit.sha if code.commit else None)
    yield Figure("code", "Branch", code.branch)
    yield Figure("code", "Uncommitted changes", code.dirty)
    yield Figure("code", "Runbook", record.runbook_digest)
    yield from (Figure("code", f"Version of {name}", version) for name, version in record.versions.items())


def _target(record: DrillRecord) -> Iterator[Figure]:
    target = record.target
    yield Figure("target", "Name", target.name)
    yield Figure("target", "Environment", target.environment)
    yield Figure("target", "Rehearsal window", target.rehearsal_window_seconds, "s")
    yield from (Figure("target", f"Setting {name}", value) for name, value in target.settings.items())
    # an embedded staging takes other ports each time
    addresses = {} if target.environment == "embedded" else target.urls
    yield from (Figure("target", f"Address of {name}", url) for name, url in addresses.items())
    yield from (Figure("target", f"Fault {name}", value=True) for name in record.faults)
    yield from (Figure("target", note, value=True) for note in target.notes)


def _change(before: Figure | None, after: Figure | None) -> Change:
    known = after or before
    assert known is not None, "a place comes from one of the two drills"  # noqa: S101
    had, has = before.value if before else None, after.value if after else None
    return Change(known.group, known.what, had, has, known.unit, _trend(had, has, known.aim))


def _trend(before: Scalar, after: Scalar, aim: Aim) -> Trend:
    for ranks in (_RANKS, _DECISIONS):
        if before in ranks and after in ranks and before != after:
            return "better" if ranks[after] > ranks[before] else "worse"
    if not aim or not isinstance(before, (int, float)) or not isinstance(after, (int, float)) or before == after:
        return ""
    return "better" if (after > before) == (aim == "up") else "worse"


def _value(value: Scalar, unit: str) -> str:
    if value is None:
        return "not there"
    return duration(value) if unit == "s" and isinstance(value, (int, float)) else scalar(value, unit)
