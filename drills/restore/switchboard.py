"""The one way to flip: journal the intent, ask, read back, confirm; and put everything back at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drills.clock import Clock
from drills.errors import DrillError, SafetyNetLost, SwitchFailed, TargetUnreachable
from drills.evidence.records import Restored, SwitchFlipped, SwitchRestored
from drills.restore.entries import Baseline, Confirmed, PutBack
from drills.restore.flip import Context, Flip, never_arrived, value_in_effect
from drills.restore.journal import Journal, Touched
from drills.restore.undo import PATIENT, Patience, restore_journal
from drills.target.ports import Switch

ROLLBACK = "rollback"


def unguarded() -> None:
    """Guard nothing: for a board without lease and watchdog."""


def unobserved(switch: str) -> None:
    """Observe nothing: the read back of ``switch`` is all that is known of its effect."""
    del switch


class Switchboard:
    """Every switch of a target, flipped in one way only.

    ``pause`` is called between two reads, so that a browser's event loop can be pumped. ``on_flip`` is told about
    every confirmed change. ``guard`` is called before each flip and raises :class:`SafetyNetLost` when a layer that
    would put switches back is gone. ``ranks`` gives the rollback level of switches, 1 smallest; ``surfaces`` the
    surface that a switch belongs to. ``verify`` observes the effect of a restored switch: it returns how it was seen,
    or None when there is none to see, and raises :class:`DrillError` when it should be seen and is not.
    """

    def __init__(
        self,
        switches: Mapping[str, Switch],
        journal: Journal,
        clock: Clock,
        *,
        pause: Callable[[float], None],
        on_flip: Callable[[SwitchFlipped], None],
        guard: Callable[[], None] = unguarded,
        ranks: Mapping[str, int] | None = None,
        surfaces: Mapping[str, str] | None = None,
        verify: Callable[[str], str | None] = unobserved,
        patience: Patience = PATIENT,
    ) -> None:
        """Take the switches by id, as they are read and asked over the operator API."""
        self._switches = dict(switches)
        self._journal = journal
        self._clock = clock
        self._pause = pause
        self._on_flip = on_flip
        self._guard = guard
        self._ranks = dict(ranks or {})
        self._surfaces = dict(surfaces or {})
        self._verify = verify
        self._patience = patience
        self._standing: dict[str, str] = {}
        self._tried: set[int] = set()
        self._flips = 0

    def baseline(self) -> dict[str, str]:
        """Read the value of every switch and write it down. Done after the lease is taken, before the first flip.

        Raises:
            TargetUnreachable: a switch gives no value in time.
            SafetyNetLost: the journal cannot be written.
        """
        values = {switch_id: self._value(switch_id) for switch_id in self._switches}
        self._journal.append(Baseline(at=self._clock.now(), values=values))
        self._standing = dict(values)
        return values

    def flip(
        self,
        switch_id: str,
        value: str,
        *,
        purpose: str,
        item: str | None = None,
        timeout: float | None = None,
        act: Switch | None = None,
    ) -> SwitchFlipped:
        """Flip one switch and return when it reads back ``value``.

        ``act`` asks in place of the switch itself, as a click on a console does. A switch that has the value already
        is not asked, not journalled and not told of.

        Raises:
            SafetyNetLost: switches would not be put back any more; this one was not flipped.
            SwitchFailed: it refused, never read back ``value``, or someone else changed it meanwhile.
            TargetUnreachable: it gives no value in time.
        """
        acts = {switch_id: act} if act else {}
        return self.flip_together({switch_id: value}, purpose=purpose, item=item, timeout=timeout, acts=acts)[0]

    def flip_together(
        self,
        values: Mapping[str, str],
        *,
        purpose: str,
        item: str | None = None,
        timeout: float | None = None,
        acts: Mapping[str, Switch] | None = None,
    ) -> tuple[SwitchFlipped, ...]:
        """Flip independent switches at once: all intents are written, then all are asked, then all awaited.

        Raises as :meth:`flip` does.
        """
        self._refuse_without_net()
        flips = [self._prepare(switch_id, value, purpose, item) for switch_id, value in values.items()]
        due = [flip for flip in flips if flip.before != flip.after]
        for flip in due:
            self._journal.append(flip.intent(self._switches[flip.switch].recipe, self._clock.now()))
        for flip in due:
            flip.requested_at = self._clock.now()
            (acts or {}).get(flip.switch, self._switches[flip.switch]).ask(flip.after)
        self._await(due, timeout or self._longest(due))
        return tuple(flip.record(self._clock.now()) for flip in flips)

    def rollback(
        self,
        values: Mapping[str, str],
        *,
        item: str | None = None,
        timeout: float | None = None,
        acts: Mapping[str, Switch] | None = None,
    ) -> tuple[SwitchFlipped, ...]:
        """Flip switches to their old lane, smallest surface first.

        Raises:
            KeyError: a switch has no rollback level.
            SwitchFailed: a smaller level has not been tried yet; nothing was flipped. Otherwise as :meth:`flip`.
        """
        wanted = {self._ranks[switch_id] for switch_id in values}
        self._refuse_larger_first(wanted)
        self._tried |= wanted
        return self.flip_together(values, purpose=ROLLBACK, item=item, timeout=timeout, acts=acts)

    def restore(self) -> Restored:
        """Put every touched switch back, read it back and observe its effect. May be called again at any time.

        Nothing is raised: what could not be put back, not be seen or not be written is in the record.
        """
        restored = restore_journal(
            self._journal,
            self._to_restore(),
            self._switches,
            by="drill",
            clock=self._clock,
            pause=self._pause,
            patience=self._patience,
            tell=self._tell,
        )
        switches = tuple(self._verified(switch) for switch in restored.switches)
        return restored.model_copy(update={"switches": switches})

    def _refuse_without_net(self) -> None:
        self._guard()
        if not self._standing:
            raise SafetyNetLost("the baseline was not read; no switch was flipped", remedy="read the baseline first")
        if reason := self._journal.taken_over:
            raise SafetyNetLost(
                f"the watchdog has put the switches back, because {reason}; no switch was flipped",
                remedy="see what the drill was waiting for, then run it again",
            )

    def _refuse_larger_first(self, wanted: set[int]) -> None:
        smaller = {rank for rank in self._ranks.values() if rank < max(wanted)} - self._tried - wanted
        if smaller:
            untried = sorted(switch for switch, rank in self._ranks.items() if rank in smaller)
            raise SwitchFailed(
                f"a rollback of level {max(wanted)} was asked for before level {min(smaller)} ({', '.join(untried)}) "
                "was tried; nothing was flipped",
                remedy="roll the smallest surface back first",
            )

    def _prepare(self, switch_id: str, value: str, purpose: str, item: str | None) -> Flip:
        before, expected = self._value(switch_id), self._standing[switch_id]
        if before != expected:
            raise SwitchFailed(
                f"switch {switch_id} reads {before!r}, but the drill left it at {expected!r}: someone else changed it; "
                "it was not flipped",
                remedy="find out who flips switches of this target during a drill, then run the drill again",
            )
        self._flips += 1
        return Flip(self._flips, switch_id, before, value, Context(purpose, item, self._surfaces.get(switch_id)))

    def _value(self, switch_id: str) -> str:
        return value_in_effect(self._switches[switch_id], self._clock, self._pause, self._patience)

    def _await(self, flips: list[Flip], timeout: float) -> None:
        deadline = self._clock.monotonic() + timeout
        waiting = flips
        while waiting := [flip for flip in waiting if not self._arrived(flip)]:
            if self._clock.monotonic() >= deadline:
                raise never_arrived(waiting, timeout)
            self._pause(self._patience.poll)

    def _longest(self, flips: list[Flip]) -> float:
        """Return how long the slowest of ``flips`` may take, in seconds."""
        settling = (self._switches[flip.switch].recipe.settle_seconds or 0.0 for flip in flips)
        return max(self._patience.timeout, *settling, 0.0)

    def _arrived(self, flip: Flip) -> bool:
        try:
            flip.seen = self._switches[flip.switch].read()
        except TargetUnreachable as error:
            flip.seen = error
        if flip.seen != flip.after:
            return False
        flip.confirmed_at = self._clock.now()
        self._journal.append(Confirmed(at=flip.confirmed_at, flip=flip.number))
        self._standing[flip.switch] = flip.after
        self._on_flip(flip.record(flip.confirmed_at))
        return True

    def _to_restore(self) -> tuple[Touched, ...]:
        try:
            self._guard()
        except SafetyNetLost:  # the target may be another drill's by now: leave alone what is known to be back
            return self._journal.unresolved()
        return self._journal.touched()

    def _tell(self, line: PutBack) -> None:
        if not line.restored:
            return
        self._standing[line.switch] = line.baseline
        if line.asked and line.found is not None:
            self._on_flip(
                SwitchFlipped(
                    switch=line.switch,
                    before=line.found,
                    after=line.baseline,
                    requested_at=line.began_at,
                    confirmed_at=line.at,
                    purpose="restore",
                    surface=self._surfaces.get(line.switch),
                )
            )

    def _verified(self, restored: SwitchRestored) -> SwitchRestored:
        if not restored.restored:
            return restored
        try:
            effect = self._verify(restored.switch)
        except DrillError as error:
            return restored.model_copy(update={"restored": False, "verified": f"effect not seen: {error.message}"})
        return restored.model_copy(update={"verified": effect or restored.verified})
