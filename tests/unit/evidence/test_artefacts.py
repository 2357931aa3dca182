"""Artefacts are kept without secrets, under safe names, and entered in the ledger as they are."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from drills.errors import EvidenceError, PublicationRefused
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.canary import Channel
from drills.evidence.ledger import Ledger, read_ledger
from drills.evidence.records import Artefact
from drills.evidence.redaction import Redactor


@pytest.fixture
def store(tmp_path: Path, redactor: Redactor, ledger: Ledger) -> ArtefactStore:
    return ArtefactStore(tmp_path / "run" / "artefacts", redactor, ledger)


def _keep(store: ArtefactStore, name: str, content: bytes = b"x", media_type: str = "text/plain") -> Artefact:
    return store.keep(name, content, category="log", title="A log", media_type=media_type)


def test_a_file_is_kept_and_entered(store: ArtefactStore, ledger: Ledger, redactor: Redactor) -> None:
    """The ledger says what the file on the disk is: name, type, size, digest, and how much was redacted."""
    content = f"line with {redactor.canary}\n".encode()
    artefact = store.keep(
        "runtime.log",
        content,
        category="logs",
        title=f"Log of {redactor.canary}",
        media_type="text/plain; charset=utf-8",
        item="web",
        surface="web",
    )
    kept = (store.root / "runtime.log").read_bytes()

    assert kept == "line with «redacted:canary»\n".encode()
    assert artefact == Artefact(
        id="runtime.log",
        category="logs",
        path="runtime.log",
        media_type="text/plain",
        title="Log of «redacted:canary»",
        size=len(kept),
        sha256="sha256:" + hashlib.sha256(kept).hexdigest(),
        redactions=1,
        item="web",
        surface="web",
    )
    assert [entry.fact for entry in read_ledger(ledger.path)] == [artefact]


def test_every_picture_shows_that_it_is_cleaned(store: ArtefactStore, redactor: Redactor) -> None:
    """The canary goes into the metadata of a picture on its way in, and what is kept is the picture as it was."""
    file = io.BytesIO()
    Image.effect_noise((9, 9), 90).save(file, "PNG")
    kept = (store.root / _keep(store, "a.png", file.getvalue(), "image/png").path).read_bytes()

    assert store.planted == {Channel.PICTURES}
    assert redactor.canary.encode() not in kept
    assert kept == file.getvalue()


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("Dashboard at the start.png", "text/plain", "dashboard-at-the-start-png.txt"),
        ("../../etc/passwd", "text/plain", "etc-passwd.txt"),
        ("/absolute/Path.LOG", "text/plain", "absolute-path.log"),
        ("..", "application/json", "unnamed.json"),
        ("naïve\x00\n\u202etxt.csv", "text/csv", "naive-txt.csv"),
        ("a" * 300, "text/csv", "a" * 80 + ".csv"),
        ("junit.xml", "text/xml", "junit.xml"),
        ("samples.ndjson", "application/jsonl", "samples.ndjson"),
        ("canary-planted-in-every-channel", "text/plain", "redacted-canary.txt"),
    ],
)
def test_names_are_slugs_under_the_root(store: ArtefactStore, name: str, media_type: str, expected: str) -> None:
    """Whatever a test, a page or a server calls a file, it lands in the folder, under a plain name of its type."""
    assert _keep(store, name, media_type=media_type).path == expected
    assert [path.name for path in store.root.iterdir()] == [expected]


def test_the_second_of_a_name_gets_a_number(store: ArtefactStore) -> None:
    """Nothing is overwritten: names that are taken, even by a dangling symlink, are passed over."""
    (store.root / "a-2.txt").symlink_to("/nonexistent")
    paths = [_keep(store, "a.txt", content).path for content in (b"1", b"2", b"3")]

    assert paths == ["a.txt", "a-3.txt", "a-4.txt"]
    assert (store.root / "a.txt").read_bytes() == b"1"


def test_surfaces_may_keep_files_side_by_side(store: ArtefactStore, ledger: Ledger) -> None:
    """Threads that keep the same name at once get a file each."""
    threads = [threading.Thread(target=_keep, args=(store, "shot.txt", str(n).encode())) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {path.read_bytes() for path in store.root.iterdir()} == {str(n).encode() for n in range(8)}
    assert len(read_ledger(ledger.path)) == 8


@pytest.mark.parametrize("media_type", ["application/zip", "application/javascript", "image/webp", "", "text"])
def test_other_types_are_refused(store: ArtefactStore, media_type: str) -> None:
    """Only allow-listed types are kept; the refusal lists them."""
    with pytest.raises(PublicationRefused, match=r"published files end in \.csv, \.html"):
        _keep(store, "file", media_type=media_type)


def test_a_picture_that_is_none_is_refused(store: ArtefactStore, ledger: Ledger) -> None:
    """A file that is not what its type says is not kept, and the ledger does not speak of it."""
    with pytest.raises(PublicationRefused, match="is not a PNG picture"):
        _keep(store, "a.png", b"<svg/>", "image/png")

    assert list(store.root.iterdir()) == []
    assert read_ledger(ledger.path) == ()


def test_a_file_beyond_measure_is_refused(store: ArtefactStore) -> None:
    """Size is looked at before content."""
    with pytest.raises(PublicationRefused, match="'huge' is too large to keep"):
        _keep(store, "huge", bytes(16 * 1024 * 1024 + 1))


def test_a_folder_that_is_gone_is_an_error_that_says_so(store: ArtefactStore) -> None:
    """What cannot be kept is said with its place."""
    store.root.rmdir()

    with pytest.raises(EvidenceError, match=r"a\.txt: could not be kept: No such file or directory"):
        _keep(store, "a.txt")


def test_the_folder_is_private(store: ArtefactStore) -> None:
    """Before publication only the owner reads artefacts."""
    artefact = _keep(store, "a.txt")

    assert store.root.stat().st_mode & 0o777 == 0o700
    assert (store.root / artefact.path).stat().st_mode & 0o777 == 0o600


def test_names_end_somewhere(store: ArtefactStore) -> None:
    """A name that was kept ten thousand times is a mistake in a loop, and an error."""
    for name in ["a.txt", *(f"a-{number}.txt" for number in range(2, 10_000))]:
        (store.root / name).touch()

    with pytest.raises(EvidenceError, match=r"too many files are called 'a\.txt'"):
        _keep(store, "a.txt")
