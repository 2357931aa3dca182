"""The ledger keeps what was seen, in order, on the disk, without secrets, and shows every later change."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drills.clock import FrozenClock
from drills.errors import EvidenceError, LedgerDamaged
from drills.evidence.ledger import GENESIS, Ledger, read_ledger, read_valid_prefix
from drills.evidence.records import Check, DrillFinished, Fact, ItemStarted, Observation, Relation, Samples, Series
from drills.evidence.redaction import Redactor
from tests.unmeasured import unmeasured

FACTS: list[Fact] = [
    ItemStarted(item="parity-auditor"),
    Check(id="c1", item="parity-auditor", title="cycles ✓", observed=3, relation=Relation.GREATER, expected=0),
    Observation(
        id="o1",
        item="parity-auditor",
        title="seen",
        facts={"sampled": 12, "ratio": 1e-7, "none": None, "hash": "sha256:"},
    ),
    DrillFinished(outcome="completed"),
]


@pytest.fixture
def written(ledger: Ledger) -> Path:
    for fact in FACTS:
        ledger.append(fact)
    return ledger.path


def test_what_was_appended_is_read_back(ledger: Ledger, clock: FrozenClock) -> None:
    """Entries come back equal to those that append returned, numbered from one, with their times."""
    appended = []
    for fact in FACTS:
        appended.append(ledger.append(fact))
        clock.advance(1.5)

    assert read_ledger(ledger.path) == tuple(appended)
    assert [entry.seq for entry in appended] == [1, 2, 3, 4]
    assert [entry.fact for entry in appended] == FACTS
    assert (appended[-1].at - appended[0].at).total_seconds() == 4.5
    assert ledger.head == appended[-1].hash


def test_the_chain_can_be_checked_without_this_program(written: Path) -> None:
    """Text tools and SHA-256 are enough: a line without its own hash is what was hashed."""
    strip = r's/"hash":"sha256:[0-9a-f]{64}",("previous":"sha256:[0-9a-f]{64}","seq":[0-9]+\})$/\1/'
    previous = "sha256:" + 64 * "0"
    for line in written.read_bytes().splitlines():
        hashed = subprocess.run(["sed", "-E", strip], input=line, capture_output=True, check=True).stdout
        entry = json.loads(line)
        assert entry["previous"] == previous
        assert entry["hash"] == "sha256:" + hashlib.sha256(hashed.rstrip(b"\n")).hexdigest()
        previous = entry["hash"]


def test_secrets_never_reach_the_disk(ledger: Ledger, redactor: Redactor) -> None:
    """Every string of a fact is redacted before the line is written and in the entry that is returned."""
    entry = ledger.append(
        Observation(id="o1", item="i", title=f"saw {redactor.canary}", facts={"url": f"/s?token={redactor.canary}"})
    )

    assert redactor.canary not in ledger.path.read_text(encoding="utf-8")
    assert entry.fact == Observation(
        id="o1", item="i", title="saw «redacted:canary»", facts={"url": "/s?token=«redacted:canary»"}
    )


def test_samples_that_are_no_numbers_survive(ledger: Ledger) -> None:
    """NaN and infinities are written as words and read back as what they were."""
    series = Series(metric="m", labels={"a": "b"}, times=(1.0, 2.0, 3.0), values=(math.nan, math.inf, -math.inf))
    moment = ledger.append(ItemStarted(item="i")).at
    ledger.append(Samples(source="s", started_at=moment, finished_at=moment, interval_seconds=1, series=(series,)))
    fact = read_ledger(ledger.path)[-1].fact

    assert isinstance(fact, Samples)
    assert [str(value) for value in fact.series[0].values] == ["nan", "inf", "-inf"]


def test_half_a_surrogate_pair_is_no_error(ledger: Ledger) -> None:
    """Browsers hand out text that UTF-8 cannot carry; the fact is kept, with a question mark."""
    entry = ledger.append(ItemStarted(item="row \ud83d"))

    assert entry.fact == ItemStarted(item="row ?")


def test_a_ledger_is_never_continued_or_overwritten(written: Path, clock: FrozenClock, redactor: Redactor) -> None:
    """A second run with the same path is refused, and the first ledger stays as it was."""
    before = written.read_bytes()
    with pytest.raises(FileExistsError):
        Ledger.create(written, clock, redactor)

    assert written.read_bytes() == before


def test_only_the_owner_can_read_it(written: Path) -> None:
    """The unpublished ledger is private."""
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_closed_ledger_takes_no_facts(ledger: Ledger) -> None:
    """What comes too late is an error, and closing twice is none."""
    ledger.close()
    ledger.close()

    with pytest.raises(EvidenceError, match="is closed"):
        ledger.append(FACTS[0])


def test_surfaces_may_write_side_by_side(ledger: Ledger) -> None:
    """Threads that append at once leave one whole chain with every fact in it."""
    threads = [
        threading.Thread(
            target=lambda name: [ledger.append(ItemStarted(item=f"{name}-{n}")) for n in range(10)], args=(n,)
        )
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = {entry.fact.item for entry in read_ledger(ledger.path) if isinstance(entry.fact, ItemStarted)}

    assert items == {f"{name}-{n}" for name in range(5) for n in range(10)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_any_flipped_bit_is_detected(written: Path, data: st.DataObject) -> None:
    """There is no byte in a ledger that can be changed unnoticed, and what stands before it is still readable."""
    original = written.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    altered = bytearray(original)
    altered[place] ^= 1 << data.draw(st.integers(0, 7))
    copy = written.with_name("copy.jsonl")
    copy.write_bytes(altered)
    line = original[:place].count(b"\n") + 1

    with pytest.raises(LedgerDamaged, match=f"line {line} "):
        read_ledger(copy)
    assert len(read_valid_prefix(copy).entries) == line - 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_torn_tail_leaves_what_was_written_before(written: Path, data: st.DataObject) -> None:
    """After SIGKILL or a power cut the facts before the torn line are readable, and the tear is named."""
    original = written.read_bytes()
    length = data.draw(st.integers(0, len(original)))
    copy = written.with_name("copy.jsonl")
    copy.write_bytes(original[:length])
    reading = read_valid_prefix(copy)
    whole_lines = original[:length].count(b"\n")

    assert reading.entries == read_ledger(written)[:whole_lines]
    assert reading.head == (reading.entries[-1].hash if whole_lines else GENESIS)
    torn = length > 0 and original[length - 1 : length] != b"\n"
    assert (reading.damage is not None) == torn
    assert reading.is_torn == torn
    if torn:
        assert f"line {whole_lines + 1} is torn" in str(reading.damage)


def test_lines_cannot_be_moved_removed_or_added(written: Path) -> None:
    """A line that is whole in itself but not in its place is named."""
    one, two, three, four = written.read_bytes().splitlines(keepends=True)
    for lines, number in (
        ([two, three, four], 1),
        ([one, three, four], 2),
        ([one, three, two, four], 2),
        ([one, one], 2),
    ):
        written.write_bytes(b"".join(lines))
        with pytest.raises(LedgerDamaged, match=f"line {number} is out of its chain"):
            read_ledger(written)


def test_a_line_with_a_hash_of_its_own_is_out_of_the_chain(
    written: Path, clock: FrozenClock, redactor: Redactor
) -> None:
    """Someone who rewrites a line and its hash breaks the link of the next one."""
    with Ledger.create(written.with_name("forged.jsonl"), clock, redactor) as forger:
        forger.append(ItemStarted(item="web"))
    forged = written.with_name("forged.jsonl").read_bytes()
    written.write_bytes(forged + b"".join(written.read_bytes().splitlines(keepends=True)[1:]))

    with pytest.raises(LedgerDamaged, match="line 2 is out of its chain"):
        read_ledger(written)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b"\xff", b'{"seq":1}', b"[" * 5000, b"1e999"])
def test_what_is_no_entry_is_said_to_be_none(written: Path, line: bytes) -> None:
    """Any other content is named as such, with its line."""
    written.write_bytes(line + b"\n")

    with pytest.raises(LedgerDamaged, match="line 1 is not a ledger entry"):
        read_ledger(written)


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    """The error says which file is not there."""
    with pytest.raises(LedgerDamaged, match=r"nowhere\.jsonl: cannot be read: No such file"):
        read_valid_prefix(tmp_path / "nowhere.jsonl")


def test_a_symlink_is_not_followed(written: Path) -> None:
    """A ledger is a file, not a way to another one."""
    link = written.with_name("link.jsonl")
    link.symlink_to(written)

    with pytest.raises(LedgerDamaged, match="cannot be read"):
        read_ledger(link)


def test_an_empty_ledger_holds_nothing(ledger: Ledger) -> None:
    """A drill that ended before its first fact has a ledger that is whole and empty."""
    assert read_ledger(ledger.path) == ()
    assert ledger.head == GENESIS


def test_a_file_larger_than_any_ledger_is_not_read(tmp_path: Path) -> None:
    """Size is looked at before content: a sparse file of 300 MB costs nothing."""
    path = tmp_path / "ledger.jsonl"
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)

    with pytest.raises(LedgerDamaged, match="larger than any ledger"):
        read_ledger(path)


def test_a_signal_that_raises_in_the_middle_leaves_the_chain_whole(tmp_path: Path) -> None:
    """What a time-out strikes is kept or not kept, and what is appended afterwards goes on from there."""
    words = [sys.executable, str(Path(__file__).with_name("struck_ledger.py")), str(tmp_path / "ledger.jsonl")]
    done = subprocess.run(words, env=unmeasured(), capture_output=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    kept = [entry.hash for entry in read_ledger(tmp_path / "ledger.jsonl")]

    assert told["struck"] > 0
    assert kept[-1] == told["last"]
    assert set(told["returned"]) <= set(kept)
