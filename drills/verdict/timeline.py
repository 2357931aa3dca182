"""The drill as a list of moments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drills.evidence.drill_record import JudgedItem, Moment
from drills.evidence.records import (
    Check,
    Disturbance,
    DrillFinished,
    DrillStarted,
    ItemFinished,
    ItemStarted,
    LaneProved,
    LedgerEntry,
    Restored,
    RuntimeRecovered,
    SwitchFlipped,
    Verdict,
)
from drills.verdict.items import judge_check


def timeline(entries: Sequence[LedgerEntry], checklist: Sequence[JudgedItem]) -> tuple[Moment, ...]:
    """Return what a reader wants to follow: items, switches, proofs, and checks that did not hold, by time."""
    verdicts = {item.id: item.verdict for item in checklist}
    moments = [moment for entry in entries for moment in _moments(entry, verdicts)]
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _moments(entry: LedgerEntry, verdicts: dict[str, Verdict]) -> Iterator[Moment]:
    fact = entry.fact
    if isinstance(fact, DrillStarted):
        yield Moment(at=entry.at, kind="drill", text=f"drill {fact.drill_id} started")
    elif isinstance(fact, ItemStarted) and fact.item in verdicts:
        yield Moment(at=entry.at, kind="item", text=f"{fact.item} started")
    elif isinstance(fact, ItemFinished) and fact.item in verdicts:
        yield Moment(at=entry.at, kind="item", text=f"{fact.item}: {verdicts[fact.item]}")
    elif isinstance(fact, Check) and judge_check(fact) is not Verdict.PASS:
        yield Moment(at=entry.at, kind="check", text=f"{fact.item}: {fact.title}: {judge_check(fact)}")
    else:
        yield from _switch_moments(entry)


def _switch_moments(entry: LedgerEntry) -> Iterator[Moment]:
    fact = entry.fact
    if isinstance(fact, SwitchFlipped):
        by = "" if fact.by == "drill" else f" by {fact.by}"
        yield Moment(at=fact.requested_at, kind="switch", text=f"{fact.switch}: {fact.before} → {fact.after}{by}")
    elif isinstance(fact, LaneProved):
        yield Moment(at=fact.proved_at, kind="lane", text=f"{fact.surface} proved on {fact.lane}")
    elif isinstance(fact, RuntimeRecovered):
        yield Moment(at=fact.observed_at, kind="lane", text=f"{fact.switch} seen to have {fact.state}")
    elif isinstance(fact, Disturbance):
        yield Moment(at=fact.interval.started_at, kind="disturbance", text=fact.interval.reason)
    elif isinstance(fact, Restored):
        done = all(switch.restored for switch in fact.switches)
        yield Moment(at=entry.at, kind="restore", text="all switches restored" if done else "switches NOT restored")
    elif isinstance(fact, DrillFinished):
        yield Moment(at=entry.at, kind="drill", text=f"drill {fact.outcome}")
