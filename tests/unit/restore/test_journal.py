"""The journal: durable before a flip, and understood whatever became of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.clock import FrozenClock
from drills.errors import SafetyNetLost
from drills.restore.entries import (
    Baseline,
    Closed,
    Confirmed,
    Damage,
    DamageKind,
    Entry,
    Intent,
    Opened,
    PutBack,
    TakenOver,
    from_lines,
    to_line,
)
from drills.restore.journal import Journal
from drills.restore.state import StateFolder, file_name
from drills.target.ports import HttpSwitchRecipe, SecretReference

FullDisk = Callable[[int], AbstractContextManager[None]]
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RECIPE = HttpSwitchRecipe(switch="web", url="https://staging/switches/web", token=SecretReference(env="OPERATOR"))
BASELINE = Baseline(at=AT, values={"web": "false", "mobile": "false"})


def intent(flip: int, switch: str, before: str, after: str) -> Intent:
    return Intent(at=AT, flip=flip, switch=switch, before=before, after=after, recipe=RECIPE)


def put_back(switch: str, *, restored: bool) -> PutBack:
    return PutBack(
        at=AT, began_at=AT, switch=switch, baseline="false", found="true", final="false", restored=restored,
        asked=True, by="drill", reason="read back",
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = (
    Opened(at=AT, drill_id="drill-1", target="staging"),
    BASELINE,
    intent(1, "web", "false", "true"),
    Confirmed(at=AT, flip=1),
    put_back("web", restored=True),
    TakenOver(at=AT, reason="silence"),
    Closed(at=AT, by="watchdog"),
)


def test_what_is_written_is_read(journal: Journal) -> None:
    """Every kind of line comes back as it was written, in order, also in another process's eyes."""
    for entry in ENTRIES[1:]:
        journal.append(entry)
    assert Journal(journal.path).entries[1:] == ENTRIES[1:]


def test_a_journal_is_private(journal: Journal) -> None:
    """The journal can be read by its owner alone."""
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_a_journal_is_never_overwritten(journal: Journal, clock: FrozenClock) -> None:
    """A second drill of the same id cannot take the place of the first one's journal."""
    with pytest.raises(SafetyNetLost, match="File exists"):
        Journal.create(journal.path, drill_id="drill-1", target="staging", at=clock.now())


def test_references_to_secrets_are_written_never_secrets(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal says where the operator's token is found, and does not hold it."""
    monkeypatch.setenv("OPERATOR", "canary-operator-token")
    journal.append(intent(1, "web", "false", "true"))
    written = journal.path.read_text()
    assert ("OPERATOR" in written, "canary" in written) == (True, False)


@given(cut=st.integers(0, 4000))
def test_a_cut_off_file_is_its_whole_lines(cut: int) -> None:
    """Wherever a crash cuts the file off, the lines before are used and the rest counts as never written."""
    lines = [to_line(entry) for entry in ENTRIES]
    content = from_lines(b"".join(lines)[:cut])
    ends = [sum(map(len, lines[: number + 1])) - 1 for number in range(len(lines))]  # the newline may be cut off
    assert content.entries == ENTRIES[: sum(end <= cut for end in ends)]
    assert {damage.kind for damage in content.damage} <= {DamageKind.TORN}


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_believed(place: int, bit: int) -> None:
    """With any bit of the file changed, each line is either as it was written or reported, and the others are used."""
    whole = bytearray(b"".join(to_line(entry) for entry in ENTRIES))
    whole[place % len(whole)] ^= 1 << bit
    content = from_lines(bytes(whole))
    assert [entry for entry in content.entries if entry not in ENTRIES] == []
    assert len(content.entries) >= len(ENTRIES) - 2
    assert (len(content.entries) == len(ENTRIES)) == (not content.damage)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood(rubbish: bytes) -> None:
    """Rubbish in the file is damage, not an error, and does not take the lines around it with it."""
    content = from_lines(to_line(ENTRIES[0]) + rubbish + b"\n" + to_line(ENTRIES[1]))
    assert (content.entries[0], content.entries[-1]) == ENTRIES[:2]


def test_zeros_after_a_power_cut_are_harmless() -> None:
    """Blocks that a file system added and never filled count as never written."""
    content = from_lines(to_line(ENTRIES[0]) + bytes(512))
    assert content.damage == (Damage(2, DamageKind.TORN),)


def test_a_line_of_a_kind_not_known_here_is_corrupt() -> None:
    """A line that proves itself but says something this version does not know is reported, not skipped."""
    line = to_line(ENTRIES[0]).replace(b'"opened"', b'"closed"')
    assert from_lines(line).damage == (Damage(1, DamageKind.CORRUPT),)


def test_corrupt_lines_are_reported_torn_ones_are_not(journal: Journal) -> None:
    """Only damage behind which a flip may hide is worth telling."""
    journal.append(BASELINE)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-10])
    assert journal.damage() == ()
    journal.path.write_bytes(whole.replace(b"mobile", b"m0bile"))
    assert journal.damage() == (
        f"line 2 of {journal.path} is corrupt: a switch that only that line names was not put back",
    )


def test_writing_goes_on_after_a_torn_line(journal: Journal) -> None:
    """The one who comes after a crash writes lines that can be read."""
    with journal.path.open("ab") as stream:
        stream.write(to_line(BASELINE)[:20])
    journal.append(ENTRIES[-1])
    assert journal.entries[1:] == ENTRIES[-1:]


def test_a_full_disk_is_told(journal: Journal, full_disk: FullDisk) -> None:
    """When the kernel takes no more bytes, append says so, what to do, and what it wrote before still counts."""
    journal.append(BASELINE)
    before = journal.entries
    with (
        full_disk(journal.path.stat().st_size + 30),
        pytest.raises(SafetyNetLost, match=r"File too large; the switch was not flipped(.|\n)*free space"),
    ):
        journal.append(intent(1, "web", "false", "true"))
    assert (journal.entries, journal.damage()) == (before, ())


def test_a_journal_taken_away_is_noticed(journal: Journal) -> None:
    """Nothing is written into a file that has no name any more."""
    journal.path.unlink()
    with pytest.raises(SafetyNetLost, match="No such file"):
        journal.append(BASELINE)


def test_a_lost_journal_leaves_what_this_process_wrote(journal: Journal) -> None:
    """If the file is gone, the drill still knows what it flipped, and says that it relies on memory."""
    journal.append(intent(1, "web", "false", "true"))
    journal.path.unlink()
    assert [touched.switch for touched in journal.unresolved()] == ["web"]
    assert journal.damage() == (
        f"{journal.path} cannot be read: only switches that this process flipped were put back",
    )


def test_switches_are_put_back_in_reverse_order(journal: Journal) -> None:
    """The switch that was touched first is put back last, however often it was flipped since."""
    journal.append(BASELINE)
    for flip, switch in enumerate(("web", "mobile", "web"), start=1):
        journal.append(intent(flip, switch, "false", "true"))
    assert [touched.switch for touched in journal.touched()] == ["mobile", "web"]


def test_the_baseline_is_the_value_before_the_first_flip(journal: Journal) -> None:
    """Later flips do not change what a switch goes back to, with a baseline line or without one."""
    journal.append(BASELINE)
    journal.append(intent(1, "web", "false", "true"))
    journal.append(intent(2, "web", "true", "false"))
    journal.append(intent(3, "sink-path", "dual", "convex-only"))
    assert {touched.switch: touched.baseline for touched in journal.touched()} == {"web": "false", "sink-path": "dual"}


def test_resolved_means_put_back_since_the_last_flip(journal: Journal) -> None:
    """A switch is unresolved from its intent on, through failed attempts, and again after a new intent."""
    seen = []
    for entry in (
        intent(1, "web", "false", "true"),
        put_back("web", restored=False),
        put_back("web", restored=True),
        intent(2, "web", "false", "true"),
    ):
        journal.append(entry)
        seen.append(bool(journal.unresolved()))
    assert seen == [True, True, False, True]


def test_closed_is_about_the_last_line(journal: Journal) -> None:
    """A journal is closed until something is written after its closing line."""
    seen = [journal.closed]
    for entry in (Closed(at=AT, by="drill"), intent(1, "web", "false", "true")):
        journal.append(entry)
        seen.append(journal.closed)
    assert seen == [False, True, False]


def test_state_folders_are_private_and_follow_xdg(tmp_path: Path) -> None:
    """State lies under an absolute XDG_STATE_HOME, otherwise under the home folder, with mode 0700."""
    state = StateFolder.default({"XDG_STATE_HOME": str(tmp_path)})
    assert state.root == tmp_path / "khala-drills"
    assert [folder.stat().st_mode & 0o777 for folder in (state.runs, state.root)] == [0o700, 0o700]
    assert StateFolder.default({"XDG_STATE_HOME": "somewhere"}).root == Path.home() / ".local/state/khala-drills"


@given(st.text(), st.text())
def test_every_target_has_a_place_of_its_own(one: str, other: str) -> None:
    """Any text names a target: its files stay in the state folder, and no two targets share them."""
    names = {file_name(one), file_name(other)}
    assert len(names) == len({one, other})
    assert all("/" not in name and len(name) < 70 for name in names)
