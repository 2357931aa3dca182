"""What an interrupted drill left is listed, keeps new drills out, and is put back on command."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from drills.clock import FrozenClock
from drills.errors import JournalUnresolved, LeaseHeld, RestoreFailed
from drills.evidence.records import Restored, SwitchRestored
from drills.restore import recover
from drills.restore.entries import Opened, to_line
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner
from drills.restore.recover import RestoredTarget, demand_restored, refuse_unresolved, told_by, unresolved
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.target.switches.memory import MemoryWorld

BASELINE = {"web": "false", "mobile": "false", "sink-path": "dual"}
Restore = Callable[[], tuple[RestoredTarget, ...]]


@pytest.fixture
def restore(state: StateFolder, world: MemoryWorld, clock: FrozenClock) -> Restore:
    return partial(recover.restore, state, clock=clock, pause=clock.advance, build=world.build)


@pytest.fixture
def interrupted(board: Switchboard) -> Switchboard:
    board.flip("web", "true", purpose="cut-over")
    board.flip("sink-path", "convex-only", purpose="rollback")
    return board


@pytest.mark.usefixtures("interrupted")
def test_what_is_left_is_listed(state: StateFolder, journal: Journal) -> None:
    """Each switch is listed with its drill, target, baseline and the value it was last asked for."""
    listed = [(left.target, left.drill_id, left.switch, left.baseline, left.asked) for left in unresolved(state)]
    assert listed == [
        ("staging", "drill-1", "sink-path", "dual", "convex-only"),
        ("staging", "drill-1", "web", "false", "true"),
    ]
    assert {(left.journal, left.held_by, left.last_attempt) for left in unresolved(state)} == {
        (journal.path, None, None)
    }


@pytest.mark.usefixtures("interrupted")
def test_a_living_drill_is_named_beside_what_it_uses(state: StateFolder, clock: FrozenClock, restore: Restore) -> None:
    """While its drill lives, a flipped switch is listed with the holder, and is not put back under its feet."""
    with Lease.take(state, "staging", LeaseOwner.here("drill-1"), clock):
        assert {left.held_by is not None and "drill drill-1" in left.held_by for left in unresolved(state)} == {True}
        with pytest.raises(LeaseHeld, match="staging is held by drill drill-1"):
            restore()
    assert len(unresolved(state)) == 2


@pytest.mark.usefixtures("interrupted")
def test_a_new_drill_is_refused_until_everything_is_back(state: StateFolder, restore: Restore) -> None:
    """The refusal names drill, switches and command; other targets may be drilled; after the restore this one too."""
    with pytest.raises(JournalUnresolved) as refused:
        refuse_unresolved(state, "staging")
    assert str(refused.value) == (
        "drill drill-1 on staging ended without putting back: sink-path (was 'dual'), web (was 'false')\n"
        "  next: type `drill restore`"
    )
    refuse_unresolved(state, "another")
    restore()
    refuse_unresolved(state, "staging")


@pytest.mark.usefixtures("interrupted")
def test_everything_is_put_back_from_the_journal_alone(
    state: StateFolder, world: MemoryWorld, journal: Journal, restore: Restore
) -> None:
    """The recipes are enough: switches return to their baseline in reverse order, and the journal says by whom."""
    world.asked.clear()
    done = restore()
    assert world.asked == [("sink-path", "dual"), ("web", "false")]
    assert (world.values, unresolved(state)) == (BASELINE, ())
    assert [(one.target, one.drill_id, one.journal) for one in done] == [("staging", "drill-1", journal.path)]
    assert told_by(journal) == done[0].restored
    assert {switch.by for switch in done[0].restored.switches} == {"restore"}
    demand_restored(one.restored for one in done)


@pytest.mark.parametrize(
    ("alone", "by", "words"),
    [
        pytest.param(True, "lease", "15 s after a drill's last word", id="drill and watchdog died"),
        pytest.param(False, "restore", "could not write it down", id="somebody gave the lease back"),
    ],
)
def test_the_targets_lease_is_named_when_nobody_else_was_left(
    state: StateFolder,
    world: MemoryWorld,
    clock: FrozenClock,
    restore: Restore,
    alone: bool,  # noqa: FBT001 - a parameter of the test
    by: str,
    words: str,
) -> None:
    """What is found at its baseline though it had been flipped was put back by a lease, or by one with a full disk."""
    path = state.journal("staging", "drill-1")
    journal = Journal.create(path, drill_id="drill-1", target="staging", at=clock.now(), lease_seconds=15)
    board = Switchboard(world.switches(), journal, clock, pause=clock.advance, on_flip=lambda _fact: None)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    board.flip("mobile", "true", purpose="cut-over")
    board.flip("mobile", "false", purpose="rollback")
    board.flip("sink-path", "convex-only", purpose="rollback")
    world.values["web"] = "false"
    if alone:
        with Lease.take(state, "staging", LeaseOwner.here("drill-1"), clock):
            record = state.lease("staging").read_bytes()
        state.lease("staging").write_bytes(record)
    (done,) = restore()
    assert {one.switch: (one.by, one.restored) for one in done.restored.switches} == {
        "web": (by, True),
        "mobile": ("restore", True),
        "sink-path": ("restore", True),
    }
    assert words in {one.switch: one.verified for one in done.restored.switches}["web"]


@pytest.mark.usefixtures("interrupted")
def test_restoring_again_finds_nothing_left(world: MemoryWorld, restore: Restore) -> None:
    """The second restore has nothing to do, and leaves alone what others have set since."""
    restore()
    world.values["web"] = "true"
    world.asked.clear()
    assert (restore(), world.asked) == ((), [])


def test_a_drill_that_touched_nothing_leaves_nothing(state: StateFolder, board: Switchboard) -> None:
    """A journal with a baseline and no flip keeps nobody out."""
    assert (unresolved(state), type(board)) == ((), Switchboard)


@pytest.mark.usefixtures("interrupted")
def test_an_unreachable_target_stays_unresolved(state: StateFolder, world: MemoryWorld, restore: Restore) -> None:
    """When the target does not answer, the failure says so, the switches stay listed, and a later restore succeeds."""
    world.silent |= {"web", "sink-path"}
    with pytest.raises(RestoreFailed) as failed:
        demand_restored(one.restored for one in restore())
    assert str(failed.value) == (
        "switches are not proved to be back:\n"
        "  - sink-path: not back within 30 s: switch sink-path does not answer\n"
        "  - web: not back within 30 s: switch web does not answer\n"
        "  next: mend what is named, then type `drill restore`; it is safe to repeat"
    )
    assert failed.value.exit_code == 11
    assert {left.last_attempt for left in unresolved(state)} == {
        f"restore at 2026-03-02 12:00:30 UTC: not back within 30 s: switch {name} does not answer"
        for name in ("web", "sink-path")
    }
    world.silent.clear()
    demand_restored(one.restored for one in restore())
    assert (world.values, unresolved(state)) == (BASELINE, ())


@pytest.mark.usefixtures("interrupted")
def test_a_conflict_ends_when_the_baseline_is_set_by_hand(
    state: StateFolder, world: MemoryWorld, restore: Restore
) -> None:
    """A value of someone else is left alone at every restore; once the baseline is there, nothing is left."""
    world.values["sink-path"] = "paused"
    for _ in range(2):
        with pytest.raises(RestoreFailed, match="sink-path: conflict: it reads 'paused'"):
            demand_restored(one.restored for one in restore())
    assert world.values["sink-path"] == "paused"
    world.values["sink-path"] = "dual"
    demand_restored(one.restored for one in restore())
    assert unresolved(state) == ()


@pytest.mark.usefixtures("interrupted")
def test_an_interrupted_restore_is_done_again(state: StateFolder, world: MemoryWorld, restore: Restore) -> None:
    """A restore that dies after the first switch leaves the second one listed, and the next restore does that one."""
    world.silent.add("web")
    restore()
    assert [left.switch for left in unresolved(state)] == ["web"]
    world.silent.clear()
    world.asked.clear()
    restore()
    assert (world.asked, world.values) == ([("web", "false")], BASELINE)


def test_a_flip_that_was_never_confirmed_is_asked_back_even_if_it_seems_back(
    board: Switchboard, journal: Journal, world: MemoryWorld, restore: Restore
) -> None:
    """A drill that died between asking and reading may have left a change on its way: the baseline is asked for."""

    class Died(BaseException):
        """The end of the drill."""

    class Last(type(world.build(world.switches()["web"].recipe))):  # type: ignore[misc]
        def ask(self, value: str) -> None:
            super().ask(value)
            raise Died

    world.delay = 4
    with pytest.raises(Died):
        board.flip("web", "true", purpose="cut-over", act=Last("web", world))
    assert (world.values["web"], [one.confirmed for one in journal.unresolved()]) == ("false", [False])
    restore()
    assert world.asked == [("web", "true"), ("web", "false"), ("web", "false")]
    assert world.values == BASELINE


def test_an_environment_that_ended_with_its_drill_needs_nothing(
    state: StateFolder, world: MemoryWorld, clock: FrozenClock, restore: Restore
) -> None:
    """A target that the drill had started, and that is gone, has nothing to put back; the record says why."""
    path = state.journal("embedded", "drill-7")
    journal = Journal.create(path, drill_id="drill-7", target="embedded", at=clock.now(), ephemeral=True)
    board = Switchboard(world.switches(), journal, clock, pause=clock.advance, on_flip=lambda _fact: None)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    world.silent.add("web")
    before = clock.monotonic()
    restored = restore()[0].restored.switches[0]
    assert (restored.restored, restored.final) == (True, None)
    assert restored.verified == "the environment was started by the drill and has ended with it"
    assert clock.monotonic() - before < 6


def test_an_environment_of_its_own_that_still_answers_is_put_back(
    state: StateFolder, world: MemoryWorld, clock: FrozenClock, restore: Restore
) -> None:
    """An ephemeral target that outlived its drill is restored like any other."""
    path = state.journal("embedded", "drill-7")
    journal = Journal.create(path, drill_id="drill-7", target="embedded", at=clock.now(), ephemeral=True)
    board = Switchboard(world.switches(), journal, clock, pause=clock.advance, on_flip=lambda _fact: None)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    assert restore()[0].restored.switches[0].verified == "read back at its baseline"
    assert world.values == BASELINE


@pytest.mark.usefixtures("interrupted")
def test_a_journal_damaged_beyond_its_switches_is_not_passed_over(
    state: StateFolder, journal: Journal, restore: Restore
) -> None:
    """A journal none of whose lines can be believed keeps drills out, is listed as unknown, and fails its restore."""
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"at"', b'"ta"'))
    assert [(left.switch, left.target) for left in unresolved(state)] == [("unknown", journal.path.parent.name)]
    with pytest.raises(JournalUnresolved, match="unknown"):
        refuse_unresolved(state, "staging")
    with pytest.raises(RestoreFailed, match=r"line 1 of .* is corrupt"):
        demand_restored(one.restored for one in restore())
    assert unresolved(state) == ()


@pytest.mark.usefixtures("interrupted")
def test_damage_in_the_middle_does_not_keep_the_rest_from_being_put_back(
    world: MemoryWorld, journal: Journal, restore: Restore
) -> None:
    """With the drill's own first line corrupt, all switches are put back and the damage is told."""
    opened = to_line(journal.entries[0])
    assert isinstance(journal.entries[0], Opened)
    journal.path.write_bytes(journal.path.read_bytes().replace(opened, b"x" + opened[1:]))
    with pytest.raises(RestoreFailed, match=r"line 1 of .* is corrupt"):
        demand_restored(one.restored for one in restore())
    assert world.values == BASELINE


@pytest.mark.usefixtures("interrupted")
def test_what_nobody_has_put_back_is_a_problem(journal: Journal) -> None:
    """A journal of a drill whose switches nobody tried to put back names each of them, and is no proof of anything."""
    told = told_by(journal)
    assert told.switches == ()
    assert [problem.partition(" ")[0] for problem in told.problems] == [one.switch for one in journal.touched()]
    assert all("nobody has put it back yet" in problem for problem in told.problems)


def test_all_proved_is_not_an_error() -> None:
    """Restored switches without problems are accepted."""
    switch = SwitchRestored(switch="web", baseline="false", found="true", final="false", restored=True, by="drill")
    demand_restored([Restored(switches=(switch,))])
