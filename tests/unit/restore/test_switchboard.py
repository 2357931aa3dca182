"""The switchboard: one way to flip, in the right order, and everything back at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from drills.clock import FrozenClock
from drills.errors import LedgerDamaged, SafetyNetLost, SwitchFailed, TargetUnreachable
from drills.evidence.records import Restored, SwitchFlipped
from drills.restore.entries import Closed, Confirmed, Intent, TakenOver
from drills.restore.journal import Journal
from drills.restore.switchboard import Switchboard
from drills.target.ports import HttpSwitchRecipe, SecretReference
from drills.target.switches.memory import MemorySwitch, MemoryWorld

BoardMaker = Callable[..., Switchboard]
FullDisk = Callable[[int], AbstractContextManager[None]]
BASELINE = {"web": "false", "mobile": "false", "sink-path": "dual"}


def outcome(restored: Restored) -> dict[str, bool]:
    return {switch.switch: switch.restored for switch in restored.switches}


def test_the_baseline_is_read_and_written_down(make_board: BoardMaker, journal: Journal) -> None:
    """Before the first flip the value of every switch is in the journal."""
    assert make_board().baseline() == BASELINE
    assert journal.entries[-1].model_dump()["values"] == BASELINE


def test_nothing_is_flipped_without_a_baseline(make_board: BoardMaker, world: MemoryWorld) -> None:
    """A flip before the baseline was read is refused."""
    with pytest.raises(SafetyNetLost, match="baseline was not read"):
        make_board().flip("web", "true", purpose="cut-over")
    assert world.asked == []


def test_a_baseline_waits_for_a_switch_that_is_starting(make_board: BoardMaker, world: MemoryWorld) -> None:
    """A switch that never gives a value ends the wait with the target's own words."""
    world.silent.add("web")
    with pytest.raises(TargetUnreachable, match="web does not answer"):
        make_board().baseline()


def test_the_intent_is_on_the_disk_before_the_switch_is_asked(
    board: Switchboard, world: MemoryWorld, journal: Journal
) -> None:
    """Whoever is asked finds the intent in the journal already, and no confirmation yet."""
    found: list[str] = []

    class Curious(MemorySwitch):
        def ask(self, value: str) -> None:
            found.extend(entry.kind for entry in Journal(journal.path).entries)
            super().ask(value)

    board.flip("web", "true", purpose="cut-over", act=Curious("web", world))
    assert found == ["opened", "baseline", "intent"]
    assert isinstance(journal.entries[-1], Confirmed)


def test_a_recipe_in_the_journal_can_be_followed_from_anywhere(
    world: MemoryWorld, journal: Journal, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token file that is named from the drill's working directory is written down with its whole path."""

    class WithToken(MemorySwitch):
        @property
        def recipe(self) -> HttpSwitchRecipe:
            return super().recipe.model_copy(update={"token": SecretReference(file=Path("token"))})

    monkeypatch.chdir(tmp_path)
    switches = {"web": WithToken("web", world)}
    board = Switchboard(switches, journal, clock, pause=clock.advance, on_flip=lambda _fact: None)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    recipe = journal.touched()[0].recipe
    assert isinstance(recipe, HttpSwitchRecipe)
    assert recipe.token == SecretReference(file=tmp_path / "token")


def test_a_flip_returns_when_the_value_is_in_effect(
    board: Switchboard, world: MemoryWorld, told: list[SwitchFlipped]
) -> None:
    """A change that takes a while is waited for; the fact says who, why, for which surface, and when."""
    world.delay = 5
    flipped = board.flip("web", "true", purpose="cut-over", item="web-cutover")
    assert world.values["web"] == "true"
    assert told == [flipped]
    assert flipped.model_dump(exclude={"requested_at", "confirmed_at"}) == {
        "kind": "switch-flipped", "switch": "web", "before": "false", "after": "true", "by": "drill",
        "purpose": "cut-over", "item": "web-cutover", "surface": "web",
    }  # fmt: skip
    assert flipped.confirmed_at > flipped.requested_at


def test_a_value_that_never_comes_is_told_with_what_is_seen(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that keeps its old value fails the flip; the message holds both values and the time."""
    world.delay = 10_000
    with pytest.raises(SwitchFailed, match="not in effect within 2 s: web was asked for 'true' and reads 'false'"):
        board.flip("web", "true", purpose="cut-over", timeout=2)


def test_a_switch_that_stops_answering_is_told(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that gives no value after it was asked fails the flip in the target's words."""

    class Last(MemorySwitch):
        def ask(self, value: str) -> None:
            super().ask(value)
            world.silent.add(self.id)

    with pytest.raises(SwitchFailed, match=r"gives no value \(switch web does not answer\)"):
        board.flip("web", "true", purpose="cut-over", act=Last("web", world))


def test_a_switch_that_has_the_value_is_left_alone(
    board: Switchboard, world: MemoryWorld, told: list[SwitchFlipped], journal: Journal
) -> None:
    """Asking for the value that is there restarts nothing and writes nothing."""
    lines = len(journal.entries)
    flipped = board.flip("web", "false", purpose="cut-over")
    assert (flipped.before, flipped.after, flipped.requested_at) == ("false", "false", flipped.confirmed_at)
    assert (world.asked, told, len(journal.entries)) == ([], [], lines)


def test_independent_switches_are_flipped_at_once(board: Switchboard, world: MemoryWorld, journal: Journal) -> None:
    """All intents are written before the first is asked, and all are asked before the first is awaited."""
    world.delay = 3
    board.flip_together({"web": "true", "mobile": "true"}, purpose="cut-over")
    assert [type(entry) for entry in journal.entries[2:]] == [Intent, Intent, Confirmed, Confirmed]
    assert world.asked == [("web", "true"), ("mobile", "true")]


def test_a_change_by_someone_else_is_noticed(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that is not where the drill left it is not flipped, and the message says so."""
    world.values["web"] = "true"
    with pytest.raises(SwitchFailed, match="web reads 'true', but the drill left it at 'false': someone else"):
        board.flip("web", "true", purpose="cut-over")
    assert world.asked == []


def test_a_refusal_reaches_the_scenario(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that says no fails the flip in its own words; it stays to be looked after at the end."""
    world.refusing.add("web")
    with pytest.raises(SwitchFailed, match="refused 'true'"):
        board.flip("web", "true", purpose="cut-over")
    world.refusing.clear()
    assert outcome(board.restore()) == {"web": True}


def test_a_lost_layer_forbids_flips(make_board: BoardMaker, world: MemoryWorld) -> None:
    """When lease or watchdog are gone, the guard's word keeps every switch where it is."""

    def guard() -> None:
        raise SafetyNetLost("the watchdog is gone")

    board = make_board(guard=guard)
    board.baseline()
    with pytest.raises(SafetyNetLost, match="the watchdog is gone"):
        board.flip("web", "true", purpose="cut-over")
    assert world.asked == []


def test_a_drill_that_was_taken_over_flips_nothing_more(
    board: Switchboard, world: MemoryWorld, journal: Journal, clock: FrozenClock
) -> None:
    """The watchdog's notice in the journal is read before each flip."""
    Journal(journal.path).append(TakenOver(at=clock.now(), reason="the drill gave no sign of life"))
    with pytest.raises(SafetyNetLost, match="because the drill gave no sign of life"):
        board.flip("web", "true", purpose="cut-over")
    assert world.asked == []


def test_a_full_disk_means_no_flip(
    board: Switchboard, world: MemoryWorld, journal: Journal, full_disk: FullDisk
) -> None:
    """When the intent cannot be written, the switch is not asked, and there is nothing to put back."""
    with (
        full_disk(journal.path.stat().st_size + 30),
        pytest.raises(SafetyNetLost, match="the switch was not flipped"),
    ):
        board.flip("web", "true", purpose="cut-over")
    assert (world.asked, journal.unresolved()) == ([], ())


def test_a_full_disk_does_not_keep_switches_from_being_put_back(
    board: Switchboard, world: MemoryWorld, journal: Journal, full_disk: FullDisk
) -> None:
    """When the outcome cannot be written, the switch is put back all the same, and the record tells of the journal."""
    board.flip("web", "true", purpose="cut-over")
    with full_disk(journal.path.stat().st_size):
        restored = board.restore()
    assert (world.values, outcome(restored)) == (BASELINE, {"web": True})
    assert "cannot be written" in restored.problems[0]
    assert [touched.switch for touched in journal.unresolved()] == ["web"]


def test_a_ledger_that_cannot_be_written_does_not_either(make_board: BoardMaker, world: MemoryWorld) -> None:
    """An error of whoever is told of a restored switch is a problem in the record, and the next switch's turn comes."""

    def full(fact: SwitchFlipped) -> None:
        if fact.purpose == "restore":
            raise LedgerDamaged("the ledger cannot be written")

    board = make_board(on_flip=full)
    board.baseline()
    board.flip_together({"web": "true", "mobile": "true"}, purpose="cut-over")
    restored = board.restore()
    assert (world.values, len(restored.problems)) == (BASELINE, 2)


def test_a_larger_rollback_needs_a_smaller_one_first(board: Switchboard, world: MemoryWorld) -> None:
    """The runtime's switch is refused until a client flag was rolled back; nothing was flipped by the attempt."""
    board.flip_together({"web": "true", "mobile": "true"}, purpose="cut-over")
    with pytest.raises(SwitchFailed, match=r"level 2 was asked for before level 1 \(mobile, web\) was tried"):
        board.rollback({"sink-path": "convex-only"})
    board.rollback({"web": "false"})
    board.rollback({"sink-path": "convex-only"})
    assert world.asked[2:] == [("web", "false"), ("sink-path", "convex-only")]


def test_a_rollback_that_failed_was_tried(board: Switchboard, world: MemoryWorld) -> None:
    """The next level is open once the smaller one was tried, whether it worked or not."""
    board.flip("web", "true", purpose="cut-over")
    world.refusing.add("web")
    with pytest.raises(SwitchFailed, match="refused"):
        board.rollback({"web": "false"})
    assert board.rollback({"sink-path": "convex-only"})[0].purpose == "rollback"


def test_everything_is_put_back_in_reverse(
    board: Switchboard, world: MemoryWorld, told: list[SwitchFlipped], journal: Journal
) -> None:
    """At the end every touched switch is asked for its baseline, last touched first, read back, told and written."""
    board.flip("web", "true", purpose="cut-over")
    board.flip("sink-path", "convex-only", purpose="rollback")
    world.asked.clear()
    restored = board.restore()
    assert world.asked == [("sink-path", "dual"), ("web", "false")]
    assert (world.values, outcome(restored)) == (BASELINE, {"sink-path": True, "web": True})
    assert [(fact.switch, fact.purpose, fact.surface) for fact in told[2:]] == [
        ("sink-path", "restore", None),
        ("web", "restore", "web"),
    ]
    assert isinstance(journal.entries[-1], Closed)


def test_restoring_twice_asks_once(board: Switchboard, world: MemoryWorld) -> None:
    """The second restore looks, finds everything back, and asks nothing."""
    board.flip("web", "true", purpose="cut-over")
    board.restore()
    world.asked.clear()
    assert outcome(board.restore()) == {"web": True}
    assert world.asked == []


def test_nothing_touched_is_nothing_to_restore(board: Switchboard, world: MemoryWorld) -> None:
    """A drill that flipped nothing leaves an empty record."""
    assert board.restore() == Restored(switches=())
    assert world.asked == []


def test_a_flip_goes_on_from_what_was_restored(board: Switchboard, world: MemoryWorld) -> None:
    """After a restore the drill may flip again, and that is put back as well."""
    board.flip("web", "true", purpose="cut-over")
    board.restore()
    board.flip("web", "true", purpose="again")
    board.restore()
    assert world.values == BASELINE


def test_someone_elses_value_is_reported_not_overwritten(
    board: Switchboard, world: MemoryWorld, journal: Journal
) -> None:
    """A value that is neither the baseline nor the drill's own is a conflict: left alone, told, and kept unresolved."""
    board.flip("sink-path", "convex-only", purpose="rollback")
    world.values["sink-path"] = "paused"
    restored = board.restore()
    assert world.values["sink-path"] == "paused"
    assert restored.switches[0].verified == (
        "conflict: it reads 'paused', but the drill found 'dual' and last changed 'dual' to 'convex-only'; "
        "someone else set it, so it was left alone"
    )
    assert [touched.switch for touched in journal.unresolved()] == ["sink-path"]


def test_one_switch_that_is_lost_does_not_hold_up_the_others(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that does not answer fails alone, in its own words."""
    board.flip_together({"web": "true", "mobile": "true"}, purpose="cut-over")
    world.silent.add("web")
    restored = board.restore()
    assert outcome(restored) == {"mobile": True, "web": False}
    assert restored.switches[1].verified == "not back within 30 s: switch web does not answer"


def test_a_refused_restore_is_told(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that refuses its baseline is not restored, in its own words."""
    board.flip("web", "true", purpose="cut-over")
    world.refusing.add("web")
    assert board.restore().switches[0].verified == "switch web refused 'false'"


def test_a_baseline_that_never_comes_is_told(board: Switchboard, world: MemoryWorld) -> None:
    """A switch that takes the ask and keeps its value is not restored; the value seen is in the record."""
    board.flip("web", "true", purpose="cut-over")
    world.delay = 100_000
    restored = board.restore().switches[0]
    assert (restored.restored, restored.final) == (False, "true")
    assert restored.verified == "not back within 30 s: it still reads 'true'"


def test_a_late_flip_is_caught(board: Switchboard, world: MemoryWorld) -> None:
    """A flip that comes into effect only after it was given up is put back too: the last to ask has its way."""
    world.delay = 8
    with pytest.raises(SwitchFailed, match="not in effect"):
        board.flip("web", "true", purpose="cut-over", timeout=0.1)
    assert world.values["web"] == "false"
    assert outcome(board.restore()) == {"web": True}
    for _ in range(20):
        assert MemorySwitch("web", world).read() == "false"


def test_the_effect_is_observed(make_board: BoardMaker) -> None:
    """What the verifier saw is in the record; where it has nothing to see, the read back is."""
    seen = {"web": "the web polls the legacy lane", "sink-path": None}
    board = make_board(verify=seen.__getitem__)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    board.flip("sink-path", "convex-only", purpose="rollback")
    assert [switch.verified for switch in board.restore().switches] == [
        "read back at its baseline",
        "the web polls the legacy lane",
    ]


def test_an_effect_that_is_not_seen_is_not_restored(make_board: BoardMaker) -> None:
    """A flag that reads right while its surface does the other thing does not count as restored."""

    def verify(switch: str) -> str:
        raise TargetUnreachable(f"{switch} shows no lane")

    board = make_board(verify=verify)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    restored = board.restore().switches[0]
    assert (restored.restored, restored.verified) == (False, "effect not seen: web shows no lane")


def test_a_drill_that_lost_its_lease_leaves_alone_what_is_back(make_board: BoardMaker, world: MemoryWorld) -> None:
    """What `drill restore` has put back belongs to the next drill by now: the old one does not touch it again."""
    lost: list[str] = []

    def guard() -> None:
        if lost:
            raise SafetyNetLost("the lease was taken")

    board = make_board(guard=guard)
    board.baseline()
    board.flip("web", "true", purpose="cut-over")
    board.restore()
    lost.append("lease")
    world.values["web"] = "true"  # by the drill that holds the lease now
    assert board.restore().switches == ()
    assert world.values["web"] == "true"


def test_damage_is_among_the_problems(board: Switchboard, journal: Journal) -> None:
    """A corrupt line in the journal ends up in the record of the restore."""
    board.flip("web", "true", purpose="cut-over")
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"baseline"', b'"basement"'))
    assert "is corrupt" in board.restore().problems[0]
