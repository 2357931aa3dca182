"""`drill verify`: what was published is checked offline, and each kind of edit is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drills.attestation import verify
from drills.canonical import digest_of_bytes
from drills.errors import IntegrityBroken, RunNotFound
from drills.evidence.manifest import MANIFEST, Manifest


@pytest.fixture
def published(outcome: Any, tmp_path: Path) -> Path:
    """The folder of a published drill, copied elsewhere with its report."""
    shutil.copytree(outcome.out, tmp_path / "copy")
    (folder,) = (path for path in (tmp_path / "copy").iterdir() if path.is_dir())
    return folder


def told(folder: Path) -> str:
    """Return what verification says against a folder."""
    with pytest.raises(IntegrityBroken) as caught:
        verify(folder)
    assert caught.value.exit_code == 12
    return caught.value.message


def test_what_was_published_verifies_wherever_it_lies(published: Path) -> None:
    """By its report or by its folder, and the verdict is computed again."""
    assert verify(published) == verify(published.with_suffix(".md"))
    assert verify(published).record.verdict == "PASS"


def swap_byte(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "name", ["drill.json", "ledger.jsonl", "manifest.json", "web-after.png", "command-log.txt", "junit.xml"]
)
def test_one_changed_byte_is_found(published: Path, name: str) -> None:
    """In text, record, ledger, picture or manifest: the file is named."""
    swap_byte(published / name)
    assert name in told(published)


def test_a_changed_number_in_the_report_is_found(published: Path) -> None:
    """The words of the report are rendered again and compared, whatever the manifest says."""
    report = published.with_suffix(".md")
    report.write_text(report.read_text(encoding="utf-8").replace("| 0 |", "| 1 |", 1), encoding="utf-8")
    reseal(published)
    assert f"{report.name}: the section" in told(published)


def test_files_that_come_and_go_are_found(published: Path) -> None:
    """Neither an addition nor a removal goes unnoticed."""
    (published / "web-after.png").unlink()
    (published / "extra.txt").write_text("more", encoding="utf-8")
    words = told(published)
    assert "web-after.png is missing" in words
    assert "extra.txt was added" in words


def reseal(folder: Path) -> None:
    """Give the manifest the digests of the files as they are: what someone would do who edits evidence."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())

    def fresh(path: Path, file: Any) -> Any:
        content = path.read_bytes()
        return file.model_copy(update={"size": len(content), "sha256": digest_of_bytes(content)})

    files = tuple(fresh(folder / file.path, file) for file in manifest.files)
    report = fresh(folder.with_suffix(".md"), manifest.report)
    (folder / MANIFEST).write_bytes(manifest.model_copy(update={"files": files, "report": report}).encode())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"verdict":"PASS"', '"verdict":"FAIL"', "does not follow from ledger.jsonl"),
        ('"decision":{"value":"NO-GO"', '"decision":{"value":"GO"', "'decision' does not follow"),
    ],
)
def test_a_verdict_that_was_edited_and_resealed_is_found(published: Path, before: str, after: str, words: str) -> None:
    """New digests do not help: the verdict is judged again from the ledger."""
    record = published / "drill.json"
    text = record.read_text(encoding="utf-8")
    assert before in text
    record.write_text(text.replace(before, after, 1), encoding="utf-8")
    reseal(published)
    assert words in told(published)


def test_a_drill_under_another_name_is_found(published: Path) -> None:
    """Evidence of one drill cannot stand in for another's."""
    other = published.with_name("2026-01-01-another-drill")
    published.with_suffix(".md").rename(other.with_name(f"{other.name}.md"))
    published.rename(other)
    assert "is that of" in told(other)


@pytest.mark.parametrize(
    "ruin", [Path.unlink, lambda path: path.write_text("{}", encoding="utf-8")], ids=["gone", "empty"]
)
@pytest.mark.parametrize("name", ["drill.json", "ledger.jsonl", "manifest.json"])
def test_evidence_that_cannot_be_read_is_told(published: Path, name: str, ruin: Callable[[Path], object]) -> None:
    """Nothing is guessed from what is left."""
    ruin(published / name)
    assert name in told(published)


def test_a_place_without_a_drill_is_told(tmp_path: Path) -> None:
    """That is a mistake of the one who typed, not of the evidence."""
    with pytest.raises(RunNotFound):
        verify(tmp_path / "absent.md")
