"""Putting switches back: compare, ask, and read back until the baseline has come to stay.

Used by the drill itself, by the watchdog and by ``drill restore``. All switches are asked in the order given and
awaited together. Asking for a baseline twice does no harm, so an undo that was interrupted can be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drills.clock import Clock
from drills.errors import DrillError, NotInEffect, TargetUnreachable
from drills.evidence.records import Restored, SwitchRestored
from drills.restore.entries import Closed, PutBack, Restorer
from drills.restore.journal import Journal, Touched
from drills.target.ports import Switch

READ_BACK = "read back at its baseline"
FOUND_BACK = "found at its baseline already: whoever put it back could not write it down"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try, in seconds.

    ``timeout`` is the time a switch may take to be back, unless its recipe says more; ``poll`` the pause between reads.
    A flip that was never
    confirmed may still arrive after its drill has died: such a switch must stay at its baseline for ``quiet``.
    """

    timeout: float = 30.0
    poll: float = 0.05
    quiet: float = 1.0


PATIENT = Patience()


def untold(line: PutBack) -> None:
    """Tell nobody: the journal is the only one to know of ``line``."""
    del line


def undo(
    touched: Sequence[Touched],
    switches: Mapping[str, Switch],
    *,
    by: Restorer,
    clock: Clock,
    pause: Callable[[float], None],
    record: Callable[[PutBack], None],
    patience: Patience = PATIENT,
    ephemeral: bool = False,
    lease_seconds: float | None = None,
) -> tuple[PutBack, ...]:
    """Put every touched switch back and return how each was found and left, in the order given.

    A value that is neither the baseline nor one the last flip was about is someone else's: it is reported and left
    alone. ``record`` is told about each switch as soon as it is decided. An ``ephemeral`` target that does not answer
    has ended, and there is nothing to put back. With ``lease_seconds``, a switch that is found at its baseline although
    it was flipped was put back by the target's lease; without, by somebody who could not write it down.
    """
    undoings = [
        _Undoing(one, switches[one.switch], clock, patience, ephemeral=ephemeral, lease_seconds=lease_seconds)
        for one in touched
    ]
    open_ones = undoings
    while open_ones:
        for undoing in open_ones:
            undoing.step()
            if undoing.outcome is not None:
                record(undoing.put_back(by))
        open_ones = [undoing for undoing in open_ones if undoing.outcome is None]
        if open_ones:
            pause(patience.poll)
    return tuple(undoing.put_back(by) for undoing in undoings)


def restore_journal(
    journal: Journal,
    touched: Sequence[Touched],
    switches: Mapping[str, Switch],
    *,
    by: Restorer,
    clock: Clock,
    pause: Callable[[float], None],
    patience: Patience,
    tell: Callable[[PutBack], None] = untold,
    alone: bool = False,
) -> Restored:
    """Put ``touched`` back, write each outcome into ``journal``, and close it when nothing is left.

    ``alone`` says that drill and watchdog both died, so that nobody but the target's lease can have been here before.
    ``tell`` hears of each outcome. Nothing is raised: what cannot be written or told keeps no switch from being put
    back, and is among the problems of the record.
    """
    problems: list[str] = []

    def record(line: PutBack) -> None:
        problems.extend(_troubles(lambda: journal.append(line)))
        problems.extend(_troubles(lambda: tell(line)))

    opened = journal.opened
    lines = undo(
        touched,
        switches,
        by=by,
        clock=clock,
        pause=pause,
        record=record,
        patience=patience,
        ephemeral=opened is not None and opened.ephemeral,
        lease_seconds=opened.lease_seconds if opened and alone else None,
    )
    problems.extend(journal.damage())
    if all(line.restored for line in lines):
        closed = Closed(at=clock.now(), by=by, problems=tuple(problems))
        problems.extend(_troubles(lambda: journal.append(closed)))
    return Restored(switches=tuple(as_restored(line) for line in lines), problems=tuple(problems))


def as_restored(put_back: PutBack) -> SwitchRestored:
    """Return a journal line as the record that a report is made from."""
    return SwitchRestored(
        switch=put_back.switch,
        baseline=put_back.baseline,
        found=put_back.found,
        final=put_back.final,
        restored=put_back.restored,
        by=put_back.by,
        verified=put_back.reason,
    )


def _troubles(act: Callable[[], None]) -> tuple[str, ...]:
    try:
        act()
    except DrillError as error:
        return (error.message,)
    except OSError as error:
        return (str(error),)
    return ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    restored: bool
    reason: str


class _Undoing:
    """One switch on its way back. ``outcome`` is None until it is decided."""

    def __init__(
        self,
        touched: Touched,
        switch: Switch,
        clock: Clock,
        patience: Patience,
        *,
        ephemeral: bool,
        lease_seconds: float | None,
    ) -> None:
        self.outcome: _Outcome | None = None
        self._touched = touched
        self._switch = switch
        self._clock = clock
        self._patience = patience
        self._ephemeral = ephemeral
        self._lease_seconds = lease_seconds
        self._began_at = clock.now()
        self._timeout = max(patience.timeout, touched.recipe.settle_seconds or 0.0)
        self._deadline = clock.monotonic() + self._timeout
        self._found: str | None = None
        self._seen: str | None = None
        self._trouble = ""
        self._asked = False
        self._calm_since: float | None = None

    def step(self) -> None:
        """Look once, and ask if asking is due."""
        try:
            self._look()
        except TargetUnreachable as error:
            self._seen, self._trouble, self._calm_since = None, error.message, None
        except DrillError as error:  # refused, or no token to ask with
            self.outcome = _Outcome(restored=False, reason=error.message)
        if self.outcome is None and self._clock.monotonic() >= self._deadline:
            self.outcome = self._give_up()

    def put_back(self, by: Restorer) -> PutBack:
        """Return the outcome as a line of the journal."""
        outcome = self.outcome or self._give_up()
        return PutBack(
            at=self._clock.now(),
            began_at=self._began_at,
            switch=self._touched.switch,
            baseline=self._touched.baseline,
            found=self._found,
            final=self._seen,
            restored=outcome.restored,
            asked=self._asked,
            by="lease" if self._put_back_by_lease else by,
            reason=outcome.reason,
        )

    @property
    def _found_back(self) -> bool:
        touched = self._touched
        flipped = touched.confirmed and touched.after != touched.baseline
        return flipped and not self._asked and self._found == touched.baseline

    @property
    def _put_back_by_lease(self) -> bool:
        return self._found_back and self._lease_seconds is not None

    def _look(self) -> None:
        try:
            self._seen = self._switch.read()
        except NotInEffect as error:
            self._not_in_effect(error.stands_at)
            raise
        self._found = self._seen if self._found is None else self._found
        if self._seen == self._touched.baseline:
            self._at_baseline()
        elif self._seen in {self._touched.before, self._touched.after}:
            self._away_from_baseline()
        else:
            self.outcome = self._conflict(self._seen)

    def _at_baseline(self) -> None:
        if not self._touched.confirmed and not self._asked:
            self._ask()  # the flip may be under way: the last one to ask has its way
        now = self._clock.monotonic()
        self._calm_since = now if self._calm_since is None else self._calm_since
        if self._touched.confirmed or now - self._calm_since >= self._patience.quiet:
            self.outcome = _Outcome(restored=True, reason=self._how_it_came_back())

    def _how_it_came_back(self) -> str:
        if not self._put_back_by_lease:
            return FOUND_BACK if self._found_back else READ_BACK
        return (
            f"found at its baseline, to which the target goes back {self._lease_seconds:g} s after a drill's last word"
        )

    def _away_from_baseline(self) -> None:
        if not self._asked or self._calm_since is not None:  # not asked yet, or a late flip moved it away again
            self._ask()
        self._calm_since = None

    def _not_in_effect(self, stands_at: str | None) -> None:
        """Ask once also when what the flip left does not run: its value cannot come into effect by waiting."""
        touched = self._touched
        if stands_at is not None:
            self._found = stands_at if self._found is None else self._found
        if stands_at not in {None, touched.baseline, touched.before, touched.after}:
            self.outcome = self._conflict(stands_at or "")
        elif not self._asked and (stands_at != touched.baseline or not touched.confirmed):
            self._ask()

    def _ask(self) -> None:
        self._switch.ask(self._touched.baseline)
        self._asked = True

    def _conflict(self, seen: str) -> _Outcome:
        touched = self._touched
        return _Outcome(
            restored=False,
            reason=f"conflict: it reads {seen!r}, but the drill found {touched.baseline!r} and last changed "
            f"{touched.before!r} to {touched.after!r}; someone else set it, so it was left alone",
        )

    def _give_up(self) -> _Outcome:
        if self._ephemeral and self._seen is None:
            return _Outcome(restored=True, reason="the environment was started by the drill and has ended with it")
        now = f"it still reads {self._seen!r}" if self._seen is not None else self._trouble
        return _Outcome(restored=False, reason=f"not back within {self._timeout:g} s: {now}")
