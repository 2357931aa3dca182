"""A signed publication and the index beside it: whole or not at all, however it ends."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from drills.canonical import digest_of_bytes
from drills.clock import FrozenClock
from drills.errors import PublicationRefused
from drills.evidence.attesting import ATTESTATIONS, Attestor
from drills.evidence.ledger import Ledger, read_ledger
from drills.evidence.placing import finish_interrupted, put_anew
from drills.evidence.publication import Publication, publish
from drills.evidence.records import Artefact
from drills.evidence.signing import SigningKey
from drills.verdict.judge import judge

SHOWN = Path(__file__).parents[3] / "docs" / "sync" / "status"
FORK = multiprocessing.get_context("fork")
STEPS = ("mkdir", "open", "write", "fsync", "rename", "replace", "link", "unlink")


@pytest.fixture
def signed(publication: Publication) -> Publication:
    """A finished run, ready to be published with a signature."""
    ledger = min(SHOWN.glob("*-embedded-drill/ledger.jsonl"))
    return dataclasses.replace(publication, attestor=Attestor(judge(read_ledger(ledger)), SigningKey.generate()))


def state(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def killed_at(step: int, work: Callable[[], object]) -> int | None:
    """Do ``work`` in a process that is killed right before its given call to the operating system; return its end."""

    def doomed() -> None:
        calls = 0

        def counting(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*words: object, **options: object) -> object:
                nonlocal calls
                calls += 1
                if calls == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*words, **options)

            return counted

        for name in STEPS:
            setattr(os, name, counting(getattr(os, name)))
        work()

    process = FORK.Process(target=doomed)
    process.start()
    process.join()
    return process.exitcode


def test_a_publisher_that_is_killed_leaves_no_drill_without_its_signature(signed: Publication, tmp_path: Path) -> None:
    """Killed before each of its steps in turn: what the next look sees is nothing, or all of it, signature included."""
    whole = state(publish(signed, tmp_path / "reference").report.parent)
    found = []
    for step in range(1, 200):
        out = tmp_path / f"out-{step}"
        out.mkdir()
        ended = killed_at(step, partial(publish, signed, out))
        finish_interrupted(out)
        found.append(state(out))
        if ended == 0:
            break

    assert {Path(name).name for name in whole} >= ATTESTATIONS
    assert [one for one in found if one not in ({}, whole)] == []
    assert (found.count({}) > 30, found.count(whole) > 3) == (True, True)


def test_signatures_count_against_the_budget(signed: Publication, tmp_path: Path) -> None:
    """Every byte that would be committed counts."""
    whole = publish(signed, tmp_path / "whole")
    size = sum(path.stat().st_size for path in (whole.report, *whole.folder.iterdir()))

    with pytest.raises(PublicationRefused, match="more than the"):
        publish(dataclasses.replace(signed, budget_bytes=size - 1), tmp_path / "out")
    assert publish(dataclasses.replace(signed, budget_bytes=size), tmp_path / "out").folder.exists()


@pytest.mark.parametrize("name", sorted(ATTESTATIONS))
def test_no_other_file_takes_the_place_of_a_signature(name: str, signed: Publication, tmp_path: Path) -> None:
    """A name that the signature needs is refused to everyone else."""
    with pytest.raises(PublicationRefused, match=f"the same name: {name}"):
        publish(dataclasses.replace(signed, extra={name: b"{}"}), tmp_path / "out")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for almost nothing."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let tests mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_an_index_that_finds_no_room_leaves_the_old_one(small_disk: Path) -> None:
    """The disk is really full: the old index is whole, nothing else lies there, and the message says what to type."""
    index = small_disk / "README.md"
    put_anew(index, b"old")
    with pytest.raises(
        PublicationRefused, match=r"No space left on device; .*is whole\n  next: .*`drill history --out"
    ):
        put_anew(index, bytes(64 * 1024))

    assert [(path.name, path.read_bytes()) for path in small_disk.iterdir()] == [("README.md", b"old")]


def test_an_index_on_a_read_only_disk_is_named(small_disk: Path) -> None:
    """The place is in the message."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(PublicationRefused, match=r"README\.md: could not be written anew: Read-only file system"):
        put_anew(small_disk / "README.md", b"new")


def test_an_index_is_old_or_new_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    """Killed before each step in turn; the next publication sweeps away what is left."""
    index = tmp_path / "README.md"
    found = []
    for step in range(1, 20):
        index.write_bytes(b"old")
        ended = killed_at(step, lambda: put_anew(index, b"new"))
        finish_interrupted(tmp_path)
        found.append(index.read_bytes())
        assert list(tmp_path.iterdir()) == [index]
        if ended == 0:
            break

    assert found == sorted(found, reverse=True)
    assert {b"old", b"new"} == set(found)


def test_an_index_is_not_written_through_a_link(tmp_path: Path) -> None:
    """A link in its place is replaced; what it led to stays as it was."""
    (tmp_path / "secret.txt").write_bytes(b"mine")
    (tmp_path / "README.md").symlink_to(tmp_path / "secret.txt")
    put_anew(tmp_path / "README.md", b"new")

    assert (tmp_path / "secret.txt").read_bytes() == b"mine"
    assert not (tmp_path / "README.md").is_symlink()


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/hostname", "a/../../outside.txt"])
def test_a_ledger_cannot_lead_out_of_its_folder(path: str, publication: Publication, tmp_path: Path) -> None:
    """A path with which a ledger reaches for another file is refused, even where the digest is right."""
    outside = publication.artefacts.parent / "outside.txt"
    outside.write_bytes(b"mine")
    (publication.artefacts / "a").mkdir()
    ledger = tmp_path / "reaching.jsonl"
    reached = publication.artefacts / path
    content = reached.read_bytes() if reached.exists() else b""
    digest, size = digest_of_bytes(content), len(content)
    with Ledger.create(ledger, FrozenClock(datetime(2026, 2, 20, tzinfo=UTC)), publication.redactor) as open_ledger:
        open_ledger.append(
            Artefact(id="a", category="logs", path=path, media_type="text/plain", title="a", size=size, sha256=digest)
        )

    with pytest.raises(PublicationRefused, match=r"is not a name for a published file|not a plain file"):
        publish(dataclasses.replace(publication, ledger=ledger), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
