"""For the machine that came back: what an interrupted drill left, and putting it back.

The logic of ``drill restore``, and of ``drill run`` refusing to start over an unresolved journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from drills.clock import SYSTEM_CLOCK, Clock
from drills.errors import JournalUnresolved, LeaseHeld, RestoreFailed, RunNotFound
from drills.evidence.records import Restored
from drills.restore.entries import Abandoned, PutBack, Restorer
from drills.restore.journal import Journal, Touched
from drills.restore.lease import Lease, LeaseOwner, LeaseRecord, holder, read_record, seize
from drills.restore.state import StateFolder
from drills.restore.undo import PATIENT, Patience, as_restored, restore_journal
from drills.target.ports import Switch, SwitchRecipe
from drills.target.recipes import HttpSwitchRecipe
from drills.target.switches.build import build as build_switch

#: Seconds that one request may take, so that one switch that hangs does not keep the others waiting.
_REQUEST_SECONDS = 5.0
#: Seconds to look for an environment that probably ended with the drill that started it.
_EPHEMERAL_SECONDS = 5.0
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class UnresolvedSwitch:
    """A switch that an earlier drill may have left flipped.

    ``held_by`` describes the living holder of the target's lease, whose drill may still be using the switch. A journal
    too damaged to name its switches is listed with ``unknown`` ones.
    """

    target: str
    drill_id: str
    switch: str
    baseline: str
    asked: str
    confirmed: bool
    since: datetime | None
    journal: Path
    held_by: str | None = None
    last_attempt: str | None = None


@dataclass(frozen=True, slots=True)
class RestoredTarget:
    """What became of the switches of one drill on one target."""

    target: str
    drill_id: str
    journal: Path
    restored: Restored


def unresolved(state: StateFolder) -> tuple[UnresolvedSwitch, ...]:
    """Return every switch of every journal that was not seen back at its baseline, oldest drill first."""
    return tuple(switch for journal in _open_journals(state) for switch in _listed(state, journal))


def refuse_unresolved(state: StateFolder, target_key: str) -> None:
    """Return if nothing is left to put back on a target.

    Raises:
        JournalUnresolved: an earlier drill left switches; the message names them and the command to type.
    """
    folder = state.journal(target_key, UNKNOWN).parent
    left = [switch for switch in unresolved(state) if switch.journal.parent == folder]
    if left:
        names = ", ".join(f"{switch.switch} (was {switch.baseline!r})" for switch in left)
        raise JournalUnresolved(
            f"drill {left[0].drill_id} on {target_key} ended without putting back: {names}",
            remedy="type `drill restore`",
        )


def restore(
    state: StateFolder,
    *,
    clock: Clock = SYSTEM_CLOCK,
    pause: Callable[[float], None] = time.sleep,
    build: Callable[[SwitchRecipe], Switch] = build_switch,
    patience: Patience = PATIENT,
) -> tuple[RestoredTarget, ...]:
    """Put back what interrupted drills left, newest drill first; an empty answer means that nothing was left.

    Raises:
        LeaseHeld: a living drill holds a target. All other targets were restored before this is raised.
    """
    done: list[RestoredTarget] = []
    held: list[LeaseHeld] = []
    for journal in reversed(_open_journals(state)):
        alone = _died_alone(state, journal)
        try:
            with _take(state, journal, clock):
                restored = put_back(
                    journal, journal.unresolved(), by="restore", clock=clock, pause=pause, build=build,
                    patience=patience, alone=alone,
                )  # fmt: skip
        except LeaseHeld as error:
            held.append(error)
        else:
            done.append(RestoredTarget(_target(journal), _drill_id(journal), journal.path, restored))
    if held:
        raise held[0]
    return tuple(done)


def put_back(
    journal: Journal,
    touched: Sequence[Touched],
    *,
    by: Restorer,
    clock: Clock,
    pause: Callable[[float], None],
    build: Callable[[SwitchRecipe], Switch],
    patience: Patience,
    alone: bool = False,
) -> Restored:
    """Put ``touched`` back from their recipes alone, as a process does that knows nothing but the journal.

    ``alone`` is as in :func:`~drills.restore.undo.restore_journal`.
    """
    opened = journal.opened
    if opened is not None and opened.ephemeral:
        patience = replace(patience, timeout=min(patience.timeout, _EPHEMERAL_SECONDS))
    switches = {one.switch: build(_hurried(one.recipe)) for one in touched}
    return restore_journal(journal, touched, switches, by=by, clock=clock, pause=pause, patience=patience, alone=alone)


def demand_restored(restored: Iterable[Restored]) -> None:
    """Return if everything is proved to be back.

    Raises:
        RestoreFailed: a switch is not, or there were problems; the message lists all of them.
    """
    records = tuple(restored)
    left = [f"{one.switch}: {one.verified}" for record in records for one in record.switches if not one.restored]
    wrong = left + [problem for record in records for problem in record.problems]
    if wrong:
        raise RestoreFailed(
            "\n".join(["switches are not proved to be back:", *(f"  - {line}" for line in wrong)]),
            remedy="mend what is named, then type `drill restore`; it is safe to repeat",
        )


def told_by(journal: Journal) -> Restored:
    """Return what a journal says about how its switches were put back, by whomever, and which nobody has yet."""
    touched = journal.touched()
    lines = [one.put_back for one in touched if one.put_back is not None]
    left = [
        f"{one.switch} may stand at {one.after!r}: nobody has put it back yet" for one in touched if not one.put_back
    ]
    return Restored(switches=tuple(map(as_restored, lines)), problems=(*left, *journal.damage()))


def force_unlock(state: StateFolder, drill_id: str) -> LeaseRecord:
    """Take the lease of a drill out of its hands and return what it was. That drill will flip nothing more.

    Raises:
        RunNotFound: no lease is held by a drill of that id.
    """
    for path in state.leases():
        record = read_record(path)
        if record is not None and record.owner.drill_id == drill_id:
            seize(path)
            return record
    raise RunNotFound(f"no lease is held by drill {drill_id}", remedy="see who holds one with `drill restore --list`")


def abandon(state: StateFolder, drill_id: str, clock: Clock = SYSTEM_CLOCK) -> tuple[UnresolvedSwitch, ...]:
    """Give up on what a drill left, and return it: its target is gone, or someone has taken care of it.

    The next drill on that target takes what it finds there for its baseline; the evidence keeps saying that nothing was
    put back.

    Raises:
        LeaseHeld: a living drill holds the target.
        RunNotFound: nothing is left of a drill of that id.
    """
    left: list[UnresolvedSwitch] = []
    for journal in _open_journals(state):
        if _drill_id(journal) == drill_id:
            with _take(state, journal, clock):
                left += _listed(state, journal)
                journal.append(Abandoned(at=clock.now(), who=LeaseOwner.here(drill_id).who))
    if not left:
        raise RunNotFound(f"drill {drill_id} left nothing to put back", remedy="see `drill restore --list`")
    return tuple(left)


def _open_journals(state: StateFolder) -> tuple[Journal, ...]:
    journals = (Journal(path) for path in state.journals())
    return tuple(journal for journal in journals if not journal.closed and (journal.unresolved() or journal.damage()))


def _listed(state: StateFolder, journal: Journal) -> tuple[UnresolvedSwitch, ...]:
    record = holder(state.lease_of(journal.path))
    held_by = record.describe() if record else None
    target, drill_id = _target(journal), _drill_id(journal)
    return tuple(
        UnresolvedSwitch(
            target, drill_id, one.switch, one.baseline, one.after, one.confirmed, one.since, journal.path, held_by,
            _attempt(one.put_back),
        )
        for one in journal.unresolved()
    ) or (
        UnresolvedSwitch(
            target, drill_id, UNKNOWN, UNKNOWN, UNKNOWN, confirmed=False, since=None, journal=journal.path,
            held_by=held_by, last_attempt="; ".join(journal.damage()),
        ),
    )  # fmt: skip


def _attempt(line: PutBack | None) -> str | None:
    return f"{line.by} at {line.at:%Y-%m-%d %H:%M:%S} UTC: {line.reason}" if line else None


def _take(state: StateFolder, journal: Journal, clock: Clock) -> Lease:
    owner = LeaseOwner.here(_drill_id(journal))
    return Lease.take_at(state.lease_of(journal.path), _target(journal), owner, clock)


def _died_alone(state: StateFolder, journal: Journal) -> bool:
    """Whether the drill's lease was never given back: an end in order and a watchdog both do that."""
    record = read_record(state.lease_of(journal.path))
    return record is not None and record.owner.drill_id == _drill_id(journal)


def _target(journal: Journal) -> str:
    opened = journal.opened
    return opened.target if opened else journal.path.parent.name


def _drill_id(journal: Journal) -> str:
    opened = journal.opened
    return opened.drill_id if opened else journal.path.stem


def _hurried(recipe: SwitchRecipe) -> SwitchRecipe:
    if not isinstance(recipe, HttpSwitchRecipe):
        return recipe  # a command that is broken off may leave worse behind than one that is waited for
    return recipe.model_copy(update={"timeout_seconds": min(recipe.timeout_seconds, _REQUEST_SECONDS)})
