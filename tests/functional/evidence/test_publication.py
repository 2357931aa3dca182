"""A publication appears whole or not at all, holds no secret, and never replaces anything."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import orjson
import pytest

from drills.errors import LedgerDamaged, PublicationRefused, SecretFound
from drills.evidence.ledger import read_ledger
from drills.evidence.manifest import Manifest
from drills.evidence.placing import finish_interrupted
from drills.evidence.publication import Publication, publish
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan

PublicationFactory = Callable[..., Publication]
NAME = "2026-02-20-khala-cutover"
FORK = multiprocessing.get_context("fork")


def _state(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_everything_is_in_its_place(publication: Publication, tmp_path: Path) -> None:
    """The report stands beside a folder of its name with the record, the ledger, every artefact and the manifest."""
    published = publish(publication, tmp_path / "docs" / "status")

    assert published.report == tmp_path / "docs" / "status" / f"{NAME}.md"
    assert published.report.read_text(encoding="utf-8") == f"# Drill\n\n[Log]({NAME}/runtime.log)\n"
    assert published.folder == tmp_path / "docs" / "status" / NAME
    assert sorted(path.name for path in published.folder.iterdir()) == [
        "drill.json",
        "junit.xml",
        "ledger.jsonl",
        "manifest.json",
        "reasons.csv",
        "runtime.log",
    ]
    assert sorted(path.name for path in published.report.parent.iterdir()) == [NAME, f"{NAME}.md"]


def test_the_manifest_says_what_was_published(publication: Publication, tmp_path: Path) -> None:
    """Each file with its size, type and digest, the report too, and the head of the ledger that was published."""
    published = publish(publication, tmp_path / "out")
    manifest = Manifest.model_validate_json((published.folder / "manifest.json").read_bytes())
    entries = read_ledger(published.folder / "ledger.jsonl")

    assert manifest == published.manifest
    assert (manifest.ledger_head, manifest.ledger_entries) == (entries[-1].hash, 3)
    assert (manifest.name, manifest.report.path) == (NAME, f"{NAME}.md")
    assert {file.path for file in manifest.files} == {path.name for path in published.folder.iterdir()} - {
        "manifest.json"
    }
    assert {file.path: file.media_type for file in manifest.files}["junit.xml"] == "application/xml"
    for file in (*manifest.files, manifest.report):
        content = (published.folder / file.path if file != manifest.report else published.report).read_bytes()
        assert (file.size, file.sha256) == (len(content), "sha256:" + hashlib.sha256(content).hexdigest())


def test_the_same_run_gives_the_same_bytes(publication: Publication, tmp_path: Path) -> None:
    """Publishing into two places gives two equal trees, manifest included."""
    publish(publication, tmp_path / "a")
    publish(publication, tmp_path / "b")

    assert _state(tmp_path / "a") == _state(tmp_path / "b")


def test_the_second_of_a_day_gets_a_number_and_nothing_is_overwritten(publication: Publication, tmp_path: Path) -> None:
    """A taken folder, report, or even a dangling symlink makes the name taken; links follow the name."""
    out = tmp_path / "out"
    publish(publication, out)
    (out / f"{NAME}-2.md").write_text("mine")
    (out / f"{NAME}-3").symlink_to(out / "nowhere")
    (out / f"{NAME}-4").mkdir()
    before = _state(out)
    published = publish(publication, out)

    assert published.folder.name == f"{NAME}-5"
    assert published.report.read_text(encoding="utf-8") == f"# Drill\n\n[Log]({NAME}-5/runtime.log)\n"
    assert before.items() <= _state(out).items()


def test_drills_that_publish_at_once_get_a_name_each(publication: Publication, tmp_path: Path) -> None:
    """Eight processes at once leave eight whole publications."""
    out = tmp_path / "out"
    processes = [FORK.Process(target=publish, args=(publication, out)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    names = [NAME, *(f"{NAME}-{number}" for number in range(2, 9))]
    assert [process.exitcode for process in processes] == [0] * 8
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, *(f"{name}.md" for name in names)])
    for name in names:
        assert Manifest.model_validate_json((out / name / "manifest.json").read_bytes()).name == name
        assert len(list((out / name).iterdir())) == 6


def test_threads_may_publish_at_once_too(publication: Publication, tmp_path: Path) -> None:
    """One process may serve two drills."""
    threads = [threading.Thread(target=publish, args=(publication, tmp_path / "out")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(list((tmp_path / "out").iterdir())) == 8


LEAKS: dict[str, Callable[[str], dict[str, object]]] = {
    "report": lambda secret: {"report": lambda _: f"see {secret.encode().hex()}"},
    "record": lambda secret: {"record": orjson.dumps({"operator": secret})},
    "slug": lambda secret: {"slug": secret},
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_secret_in_the_final_bytes_stops_the_publication(
    leak: Callable[[str], dict[str, object]], changed: PublicationFactory, redactor: Redactor, tmp_path: Path
) -> None:
    """Nothing at all is written, and the error names the file and the kind, not the secret."""
    with pytest.raises(SecretFound, match="canary") as raised:
        publish(changed(**leak(redactor.canary)), tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []
    assert ".md: canary" in str(raised.value) or "drill.json: canary" in str(raised.value)


def test_a_secret_learned_after_an_artefact_was_kept_stops_the_publication(
    publication: Publication, redactor: Redactor, tmp_path: Path
) -> None:
    """What was no secret when the log was kept is one now; the kept log is evidence and is not rewritten."""
    redactor.register("web-is-the-item", "late")
    redactor.register("reasons.csv", "later")

    with pytest.raises(SecretFound, match=f"{NAME}/ledger.jsonl: later"):
        publish(publication, tmp_path / "out")


def test_extra_files_are_redacted_as_text(changed: PublicationFactory, redactor: Redactor, tmp_path: Path) -> None:
    """Reports of other tools go through the redactor on their way out."""
    extra = {"report.html": f"<p>{redactor.canary}</p>".encode()}
    published = publish(changed(extra=extra), tmp_path / "out")

    assert (published.folder / "report.html").read_text(encoding="utf-8") == "<p>«redacted:canary»</p>"
    assert scan(tmp_path / "out", redactor) == ()


def test_too_much_is_refused_with_the_largest_files(changed: PublicationFactory, tmp_path: Path) -> None:
    """The budget counts every byte that would be committed; the error says where to save."""
    extra = {"a.txt": bytes(800_000), "b.txt": b"x" * 900_000, "c.txt": b"x"}
    with pytest.raises(PublicationRefused, match=r"1500000 .*: \S*/b\.txt \(900000\), \S*/a\.txt \(800000\), "):
        publish(changed(extra=extra), tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []
    assert publish(changed(extra=extra, budget_bytes=2_000_000), tmp_path / "out").folder.exists()


@pytest.mark.parametrize("name", ["../a.txt", "a/b.txt", ".hidden.txt", "A.txt", "a.zip", "a", "a..txt", "a.txt\n", ""])
def test_other_names_and_types_are_refused(name: str, changed: PublicationFactory, tmp_path: Path) -> None:
    """Extra files have plain names of allow-listed types; nothing leads out of the folder."""
    with pytest.raises(PublicationRefused, match="is not"):
        publish(changed(extra={name: b""}), tmp_path / "out")


@pytest.mark.parametrize("name", ["drill.json", "manifest.json", "ledger.jsonl", "runtime.log"])
def test_two_files_of_one_name_are_refused(name: str, changed: PublicationFactory, tmp_path: Path) -> None:
    """An extra file takes the place of no other."""
    with pytest.raises(PublicationRefused, match=f"the same name: {name}"):
        publish(changed(extra={name: b""}), tmp_path / "out")


def _alter(artefacts: Path) -> None:
    (artefacts / "runtime.log").write_bytes(b"two\n")


def _remove(artefacts: Path) -> None:
    (artefacts / "runtime.log").unlink()


def _add(artefacts: Path) -> None:
    (artefacts / "more.txt").write_bytes(b"")


def _link(artefacts: Path) -> None:
    (artefacts / "runtime.log").rename(artefacts.parent / "runtime.log")
    (artefacts / "runtime.log").symlink_to(artefacts.parent / "runtime.log")


def _folder(artefacts: Path) -> None:
    (artefacts / "sub").mkdir()


def _pipe(artefacts: Path) -> None:
    os.mkfifo(artefacts / "pipe.txt")


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (_alter, "altered since the ledger spoke of it: runtime.log"),
        (_remove, "runtime.log: missing"),
        (_link, "no symlinks"),
    ],
)
def test_artefacts_are_published_as_the_ledger_says_or_not(
    tamper: Callable[[Path], None], problem: str, publication: Publication, tmp_path: Path
) -> None:
    """A file that was changed, removed or replaced since it was kept stops the publication."""
    tamper(publication.artefacts)

    with pytest.raises(PublicationRefused, match=problem):
        publish(publication, tmp_path / "out")


@pytest.mark.parametrize("add", [_add, _folder, _pipe])
def test_what_the_ledger_does_not_speak_of_is_not_published(
    add: Callable[[Path], None], publication: Publication, tmp_path: Path
) -> None:
    """A killed drill may leave a file that it had no time to enter; it stays in the run folder."""
    publish(publication, tmp_path / "before")
    add(publication.artefacts)
    publish(publication, tmp_path / "after")

    assert _state(tmp_path / "after") == _state(tmp_path / "before")


def test_a_torn_last_line_is_left_out(publication: Publication, tmp_path: Path) -> None:
    """What a killed drill wrote to the end is published, and its ledger is whole again."""
    whole = publication.ledger.read_bytes()
    publication.ledger.write_bytes(whole + whole[:100])
    published = publish(publication, tmp_path / "out")

    assert (published.folder / "ledger.jsonl").read_bytes() == whole
    assert published.manifest.ledger_head == read_ledger(published.folder / "ledger.jsonl")[-1].hash


def test_a_ledger_that_was_torn_at_once_is_empty(changed: PublicationFactory, tmp_path: Path) -> None:
    """A drill that died in its first line has said nothing."""
    ledger = tmp_path / "torn.jsonl"
    ledger.write_bytes(b'{"at"')
    published = publish(changed(ledger=ledger), tmp_path / "out")

    assert (published.folder / "ledger.jsonl").read_bytes() == b""
    assert published.manifest.ledger_entries == 0


def test_a_damaged_ledger_is_not_published(publication: Publication, tmp_path: Path) -> None:
    """The chain is checked before anything is written."""
    publication.ledger.write_bytes(publication.ledger.read_bytes().replace(b'"web"', b'"wEb"'))

    with pytest.raises(LedgerDamaged, match="line 1 was altered"):
        publish(publication, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for almost nothing."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine does not let tests mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_leaves_nothing_behind(changed: PublicationFactory, small_disk: Path) -> None:
    """The error says so with the place, and after making room the same call works."""
    ballast = {"big.txt": os.urandom(100).hex().encode() * 500}
    with pytest.raises(PublicationRefused, match=r"nothing was published: No space left on device\n.*make room in"):
        publish(changed(extra=ballast), small_disk / "out")
    assert list((small_disk / "out").iterdir()) == []

    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert publish(changed(extra=ballast), small_disk / "out").report.exists()


def test_a_read_only_disk_is_named(publication: Publication, small_disk: Path) -> None:
    """A place that cannot be written is an error of its own words."""
    (small_disk / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(PublicationRefused, match="nothing was published: Read-only file system"):
        publish(publication, small_disk / "out")


def _limited(publication: Publication, out: Path, limit: int) -> NoReturn:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        publish(publication, out)
    except PublicationRefused as refused:
        os._exit(0 if "File too large" in str(refused) else 1)
    os._exit(2)


def test_a_write_that_stops_half_way_leaves_nothing_behind(changed: PublicationFactory, tmp_path: Path) -> None:
    """A file cut short by a limit is taken away with all the others."""
    process = FORK.Process(target=_limited, args=(changed(extra={"big.txt": b"x" * 5000}), tmp_path / "out", 4096))
    process.start()
    process.join()

    assert process.exitcode == 0
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_is_a_file_is_named(publication: Publication, tmp_path: Path) -> None:
    """The message says which path is in the way."""
    (tmp_path / "out").write_text("")

    with pytest.raises(PublicationRefused, match="out: nothing was published: File exists"):
        publish(publication, tmp_path / "out")


STEPS = ("mkdir", "open", "write", "fsync", "rename", "link", "unlink")


def _killed_at(step: int, publication: Publication, out: Path) -> None:
    """Publish, and die as by SIGKILL right before the given call to the operating system."""
    calls = 0

    def counting(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            nonlocal calls
            calls += 1
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counted

    for name in STEPS:
        setattr(os, name, counting(getattr(os, name)))
    publish(publication, out)


def test_a_killed_publisher_leaves_the_old_state_or_the_new_one(publication: Publication, tmp_path: Path) -> None:
    """Killed before each of its steps in turn: what the next look sees is nothing new, or all of it."""
    reference = publish(publication, tmp_path / "reference")
    whole = _state(reference.report.parent)
    outcomes = []
    for step in range(1, 200):
        out = tmp_path / f"out-{step}"
        out.mkdir()
        process = FORK.Process(target=_killed_at, args=(step, publication, out))
        process.start()
        process.join()
        finish_interrupted(out)
        assert _state(out) in ({}, whole)
        outcomes.append(_state(out) == whole)
        if process.exitcode == 0:
            break

    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) > 20
    assert outcomes.count(True) > 3


def test_the_next_publication_tidies_up_after_a_killed_one(publication: Publication, tmp_path: Path) -> None:
    """What a dead publisher left is swept away, what another host or a live process works on is not."""
    out = tmp_path / "out"
    out.mkdir()
    process = FORK.Process(target=_killed_at, args=(25, publication, out))
    process.start()
    process.join()
    (debris,) = out.iterdir()
    (out / debris.name.replace(str(process.pid), str(os.getpid()))).mkdir()
    elsewhere = f".publishing-elsewhere-{process.pid}-abc"
    (out / elsewhere).mkdir()
    (out / ".publishing-by-hand").mkdir()
    nobody = debris.name.replace(str(process.pid), "9" * 30)
    (out / nobody).mkdir()
    publish(publication, out)

    assert sorted(path.name for path in out.iterdir()) == sorted(
        [
            ".publishing-by-hand",
            elsewhere,
            debris.name.replace(str(process.pid), str(os.getpid())),
            nobody,
            NAME,
            f"{NAME}.md",
        ]
    )


def test_no_symlink_is_brought_out_as_a_report(publication: Publication, tmp_path: Path) -> None:
    """A folder in the repository cannot make the next publication link files from elsewhere."""
    out = tmp_path / "out"
    (out / "planted").mkdir(parents=True)
    (out / "planted" / ".report.md").symlink_to(tmp_path / "run" / "ledger.jsonl")
    publish(publication, out)

    assert not os.path.lexists(out / "planted.md")


def test_a_report_that_is_in_the_way_is_left_alone(publication: Publication, tmp_path: Path) -> None:
    """An interrupted publication whose report's name was taken since is not brought out over it."""
    out = tmp_path / "out"
    (out / "old").mkdir(parents=True)
    (out / "old" / ".report.md").write_text("pending")
    (out / "old.md").write_text("mine")
    publish(publication, out)

    assert (out / "old.md").read_text(encoding="utf-8") == "mine"
    assert (out / "old" / ".report.md").read_text(encoding="utf-8") == "pending"


def test_a_disk_without_links_is_refused_and_left_as_it_was(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the report cannot be brought out exclusively, the folder that is there already is taken back."""

    def no_links(*_: object) -> NoReturn:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(PublicationRefused, match="Operation not permitted"):
        publish(publication, tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


def test_a_name_that_is_taken_in_between_is_given_up(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes the report's name at the last moment: theirs stays, and the publication takes the next name."""
    link, out = os.link, tmp_path / "out"

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        target.write_text("mine")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    published = publish(publication, out)

    assert published.folder.name == f"{NAME}-2"
    assert (out / f"{NAME}.md").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in out.iterdir()) == [f"{NAME}-2", f"{NAME}-2.md", f"{NAME}.md"]


def test_names_end_somewhere(publication: Publication, tmp_path: Path) -> None:
    """A folder in which every name is taken is refused rather than searched forever."""
    for name in [NAME, *(f"{NAME}-{number}" for number in range(2, 10_000))]:
        (tmp_path / f"{name}.md").touch()

    with pytest.raises(PublicationRefused, match="no name is left for 'Khala cutover' on 2026-02-20"):
        publish(publication, tmp_path)
