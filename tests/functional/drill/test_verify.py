"""`drill verify`: what was published is checked offline, as a user types it; test_tampering tries every edit."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from drills.attestation import verify
from drills.canonical import digest_of_bytes
from drills.cli import main
from drills.errors import IntegrityBroken, RunNotFound
from drills.evidence.manifest import MANIFEST, Manifest
from drills.evidence.provenance import knows_commit


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


def test_what_was_published_verifies_wherever_it_lies(published: Path, outcome: Any) -> None:
    """By its report or by its folder, and the verdict is computed again."""
    seen = verify(published)
    assert seen == verify(published.with_suffix(".md"))
    assert seen.record == outcome.record


def typed(*words: str | Path) -> tuple[int, str]:
    """Return exit code and output of a command."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def public(signing_key: Path) -> Path:
    return signing_key.with_name(f"{signing_key.name}.pub")


def test_the_right_key_verifies_and_no_other(published: Path, signing_key: Path, tmp_path: Path) -> None:
    """With it the signature holds, without it nothing is claimed, with another the exit code is 12."""
    assert typed("keygen", "--out", tmp_path / "other.key")[0] == 0
    code, right = typed("verify", published, "--key", public(signing_key))
    assert (code, right.splitlines()[-1].endswith(", the key that was given")) == (0, True)
    code, none = typed("verify", published)
    assert (code, "which was not checked" in none.splitlines()[-1]) == (0, True)
    code, other = typed("verify", published, "--key", tmp_path / "other.key.pub")
    assert code == 12
    assert "drill.dsse.json was not signed by" in other
    assert "test-result.dsse.json was not signed by" in other


def test_a_key_that_is_none_is_a_mistake_of_the_one_who_typed(published: Path, signing_key: Path) -> None:
    """The private half does not verify: it should not be where people do."""
    code, words = typed("verify", published, "--key", signing_key)
    assert (code, "name the .pub file" in words) == (2, True)


def test_the_report_says_who_signed_it(published: Path, signing_key: Path) -> None:
    """Its fingerprint, and what to type."""
    report = published.with_suffix(".md").read_text(encoding="utf-8")
    assert f"Signed by key `{verify(published).signed_by}`" in report
    assert f"drill verify {published.name} --key KEY.pub" in report
    assert signing_key.read_text(encoding="utf-8").splitlines()[1] not in report


def test_what_is_seen_can_be_had_as_data(published: Path, signing_key: Path, outcome: Any) -> None:
    """Verdict, counts, signature and deviations; the exit code is the same."""
    code, intact = typed("verify", published, "--key", public(signing_key), "--json")
    seen = json.loads(intact)
    assert (code, seen["intact"], seen["signature"], seen["deviations"]) == (0, True, "holds", [])
    assert (seen["verdict"], seen["decision"]) == (outcome.record.verdict, outcome.record.decision.value)
    assert seen["links"]["inside"] > 20
    (published / "extra.txt").write_text("more", encoding="utf-8")
    code, broken = typed("verify", published, "--json")
    assert (code, json.loads(broken)["deviations"]) == (12, [{"file": "extra.txt", "what": "was added"}])


def test_the_manifest_binds_the_configuration(published: Path) -> None:
    """The signed statement names runbook, target profile and installed packages by digest."""
    envelope = json.loads((published / "test-result.sigstore.json").read_bytes())["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    named = {one["name"]: one["digest"]["sha256"] for one in statement["predicate"]["configuration"]}
    assert set(named) == {"runbook", "target-profile", "constraints.txt"}
    assert named["constraints.txt"] == digest_of_bytes((published / "constraints.txt").read_bytes())[7:]


def test_the_commit_is_found_where_it_is(outcome: Any) -> None:
    """In the repository that was drilled, each commit is there."""
    provenance = outcome.record.provenance
    assert knows_commit(Path.cwd(), provenance.commit.sha, provenance.remote_url) is True


def test_a_changed_number_in_the_report_is_found(published: Path) -> None:
    """The words of the report are rendered again and compared, whatever the manifest says."""
    report = published.with_suffix(".md")
    report.write_text(report.read_text(encoding="utf-8").replace("| 0 |", "| 1 |", 1), encoding="utf-8")
    reseal(published)
    assert f"{report.name} does not say under" in told(published)


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
    ("field", "pattern", "better"),
    [
        ("verdict", r'"verdict":"[A-Z_]+","reasons"', '"verdict":"NOT_RUN","reasons"'),
        ("decision", r'"decision":\{"value":"[A-Z-]+"', '"decision":{"value":"GO"'),
    ],
)
def test_a_verdict_that_was_edited_and_resealed_is_found(
    published: Path, field: str, pattern: str, better: str
) -> None:
    """New digests do not help: the verdict is judged again from the ledger."""
    record = published / "drill.json"
    changed, count = re.subn(pattern, better, record.read_text(encoding="utf-8"))
    record.write_text(changed, encoding="utf-8")
    reseal(published)
    assert count == 1
    assert f"drill.json says '{field}' otherwise than ledger.jsonl" in told(published)


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


@pytest.mark.parametrize("lost", ["folder", "report"])
def test_half_of_a_drill_is_told(published: Path, lost: str) -> None:
    """A report without its folder, and a folder without its report, are evidence that was lost."""
    if lost == "folder":
        shutil.rmtree(published)
    else:
        published.with_suffix(".md").unlink()
    assert "is missing" in told(published)


def test_what_is_no_file_is_never_waited_for(published: Path) -> None:
    """A pipe in the place of a file would never end."""
    (published / "ledger.jsonl").unlink()
    os.mkfifo(published / "ledger.jsonl")
    assert "ledger.jsonl is a device or a pipe, not a file" in told(published)


def test_what_is_too_large_is_not_read(published: Path) -> None:
    """A file of any size costs no memory."""
    with (published / "web-after.png").open("r+b") as file:
        file.truncate(1 << 40)
    assert "web-after.png is larger than any published file" in told(published)
