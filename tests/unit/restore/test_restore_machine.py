"""Journal, lease and restore against a model: flips, crashes, third parties, repeats, concurrent drills, any order."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from drills.clock import FrozenClock
from drills.errors import JournalUnresolved, LeaseHeld, SafetyNetLost, SwitchFailed
from drills.restore import recover
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.target.switches.memory import MemorySwitch, MemoryWorld

SWITCHES = ("web", "mobile", "sink-path")
VALUES = ("a", "b", "c")
switch_ids, values = st.sampled_from(SWITCHES), st.sampled_from(VALUES)


class Crash(BaseException):
    """The drill dies here."""


class DeadlySwitch(MemorySwitch):
    """A switch during whose asking the drill dies, before or after the target heard of it."""

    heard: bool = False

    def ask(self, value: str) -> None:
        """Die."""
        if self.heard:
            super().ask(value)
        raise Crash


class DeafSwitch(DeadlySwitch):
    """The drill dies after asking."""

    heard = True


class Drill:
    """One drill of the machine: a lease, a journal, a board."""

    def __init__(self, number: int, state: StateFolder, world: MemoryWorld, clock: FrozenClock) -> None:
        """Start as `drill run` does; raises when it is refused."""
        self.id = f"drill-{number}"
        self.lease = Lease.take(state, "staging", LeaseOwner.here(self.id), clock)
        try:
            recover.refuse_unresolved(state, "staging")
        except JournalUnresolved:
            self.lease.release()
            raise
        path = state.journal("staging", self.id)
        self.journal = Journal.create(path, drill_id=self.id, target="staging", at=clock.now())
        self.board = Switchboard(
            world.switches(), self.journal, clock, pause=clock.advance, on_flip=lambda _fact: None,
            guard=self.lease.check,
        )  # fmt: skip
        self.baseline = self.board.baseline()


class Restoring(RuleBasedStateMachine):
    """The model: which values the drill found, which it last asked for, and what other people set since."""

    def __init__(self) -> None:
        """Start with a world, an empty state folder and no drill."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.state = StateFolder(Path(self.folder.name))
        self.clock = FrozenClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
        self.numbers = itertools.count(1)
        self.drill: Drill | None = None
        self.forced_out: list[Drill] = []
        self.owed: dict[str, str] = {}
        self.last: dict[str, set[str]] = {}
        self.foreign: set[str] = set()

    def teardown(self) -> None:
        """Leave nothing behind."""
        if self.drill is not None:
            self.drill.lease.release()
        self.folder.cleanup()

    @initialize(delay=st.integers(0, 3))
    def a_world(self, delay: int) -> None:
        """Every switch starts at the same value, and changes take a few reads."""
        self.world = MemoryWorld(dict.fromkeys(SWITCHES, "a"), delay=delay)

    @rule()
    def start(self) -> None:
        """A drill starts unless one is alive or something is owed; the refusal says which."""
        if self.drill is not None:
            with pytest.raises(LeaseHeld, match=self.drill.id):
                Drill(next(self.numbers), self.state, self.world, self.clock)
        elif self.owed:
            with pytest.raises(JournalUnresolved):
                Drill(next(self.numbers), self.state, self.world, self.clock)
        else:
            self.drill = Drill(next(self.numbers), self.state, self.world, self.clock)
            self.foreign.clear()

    @precondition(lambda self: self.drill is not None)
    @rule(switch=switch_ids, value=values)
    def flip(self, switch: str, value: str) -> None:
        """A flip happens, unless someone else changed the switch."""
        assert self.drill is not None
        if switch in self.foreign:
            with pytest.raises(SwitchFailed, match="someone else"):
                self.drill.board.flip(switch, value, purpose="test")
        else:
            before = self.world.values[switch]
            self.drill.board.flip(switch, value, purpose="test")
            self.note(switch, before, value)
            assert self.world.values[switch] == value

    @precondition(lambda self: self.drill is not None)
    @rule(switch=switch_ids, value=values, kind=st.sampled_from([DeadlySwitch, DeafSwitch]))
    def crash_in_a_flip(self, switch: str, value: str, kind: type[DeadlySwitch]) -> None:
        """The drill dies between intent and confirmation."""
        assert self.drill is not None
        before = self.world.values[switch]
        if switch in self.foreign or before == value:
            return
        with pytest.raises(Crash):
            self.drill.board.flip(switch, value, purpose="test", act=kind(switch, self.world))
        self.note(switch, before, value)
        self.die()

    @precondition(lambda self: self.drill is not None)
    @rule()
    def crash(self) -> None:
        """The drill dies between two flips."""
        self.die()

    @precondition(lambda self: self.drill is not None and not self.foreign)
    @rule()
    def end(self) -> None:
        """The drill puts everything back and ends."""
        assert self.drill is not None
        assert all(switch.restored for switch in self.drill.board.restore().switches)
        assert self.world.values == self.drill.baseline
        self.owed.clear()
        self.last.clear()
        self.drill.lease.release()
        self.drill = None

    @rule(switch=switch_ids, value=values)
    def someone_else(self, switch: str, value: str) -> None:
        """Another person sets a switch, whatever the drill is doing."""
        self.settle(switch)
        if self.world.values[switch] != value:
            self.world.values[switch] = value
            self.foreign.add(switch)

    @rule()
    def put_back(self) -> None:
        """`drill restore`: what is owed is paid, except where someone else's value stands; a living drill is safe."""
        restore: Callable[[], tuple[recover.RestoredTarget, ...]] = lambda: recover.restore(  # noqa: E731
            self.state, clock=self.clock, pause=self.clock.advance, build=self.world.build
        )
        if self.drill is not None and self.owed:
            with pytest.raises(LeaseHeld):
                restore()
            return
        found = self.settled()
        results = restore()
        assert {one.switch for result in results for one in result.restored.switches} == set(self.owed)
        self.pay(found)

    @precondition(lambda self: self.owed)
    @rule()
    def abandon(self) -> None:
        """What is given up stays as it is, and is owed no more; what a living drill owes is not given up."""
        (drill_id,) = {left.drill_id for left in recover.unresolved(self.state)}
        if self.drill is not None:
            with pytest.raises(LeaseHeld, match=drill_id):
                recover.abandon(self.state, drill_id, self.clock)
            return
        found = self.settled()
        recover.abandon(self.state, drill_id, self.clock)
        assert self.world.values == found
        self.owed.clear()
        self.last.clear()

    @precondition(lambda self: self.drill is not None)
    @rule()
    def force_unlock(self) -> None:
        """Whoever is forced out flips nothing more; its debts stay to be paid."""
        assert self.drill is not None
        old, self.drill = self.drill, None
        recover.force_unlock(self.state, old.id)
        with pytest.raises(SafetyNetLost):
            old.board.flip("web", "c", purpose="test")
        old.lease.release()
        self.forced_out.append(old)

    @precondition(lambda self: self.forced_out)
    @rule()
    def the_one_forced_out_ends(self) -> None:
        """It puts back what it owes if nobody has yet; beside a new drill it leaves every switch alone."""
        old, found = self.forced_out.pop(), self.settled()
        owes = {one.switch for one in old.journal.unresolved()}
        restored = old.board.restore()
        assert {one.switch for one in restored.switches} == owes
        if owes:
            self.pay(found)
        else:
            assert self.world.values == found

    @invariant()
    def what_is_owed_is_listed(self) -> None:
        """The list of unresolved switches is the model's, with the model's baselines."""
        assert {left.switch: left.baseline for left in recover.unresolved(self.state)} == self.owed

    def note(self, switch: str, before: str, value: str) -> None:
        """Write into the model what a flip owes."""
        assert self.drill is not None
        if before != value:
            self.owed.setdefault(switch, self.drill.baseline[switch])
            self.last[switch] = {before, value, self.drill.baseline[switch]}

    def pay(self, found: dict[str, str]) -> None:
        """What was owed is back, except where someone else's value was ``found``: that stands, and stays owed."""
        for switch, baseline in list(self.owed.items()):
            if found[switch] not in self.last[switch]:
                assert self.world.values[switch] == found[switch]
            else:
                assert self.world.values[switch] == baseline
                del self.owed[switch], self.last[switch]
                self.foreign.discard(switch)

    def settled(self) -> dict[str, str]:
        """Return the values once every change has arrived."""
        for switch in SWITCHES:
            self.settle(switch)
        return dict(self.world.values)

    def settle(self, switch: str) -> None:
        """Let changes that are on their way arrive."""
        for _ in range(10):
            self.world.read(switch)

    def die(self) -> None:
        """End the drill as the kernel does: the lock is free, the record stays."""
        assert self.drill is not None
        path = self.state.lease("staging")
        record = path.read_bytes()
        self.drill.lease.release()
        path.write_bytes(record)
        self.drill = None


Restoring.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


class TestRestoring(Restoring.TestCase):  # type: ignore[misc,valid-type]
    """Whatever happens in whatever order, what is owed is known, and is paid unless it became someone else's."""
