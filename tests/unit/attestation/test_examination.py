"""Examining a publication: what a forger writes is a deviation, and what cannot be told is said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from drills.attestation import examine, verify
from drills.attestation.signature import Signature
from drills.errors import IntegrityBroken, RunNotFound
from drills.evidence.attesting import bundle
from drills.evidence.envelope import Envelope
from drills.evidence.ledger import GENESIS, read_ledger, seal
from drills.evidence.manifest import MANIFEST, Manifest
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.evidence.signing import PublicKey, SigningKey
from drills.plugin.publishing import judge_run, publish_run

SHOWN = Path(__file__).parents[3] / "docs" / "sync" / "status"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def published(key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drill that was really run once, published anew and signed."""
    home = tmp_path_factory.mktemp("published")
    run = RunFolder.create(home, "run")
    for path in min(SHOWN.glob("*-embedded-drill")).iterdir():
        shutil.copy(path, run.ledger if path.name == "ledger.jsonl" else run.artefacts / path.name)
    return publish_run(run, judge_run(run), Redactor(), home / "out", key).folder


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copy(published.with_name(f"{published.name}.md"), tmp_path)
    return Path(shutil.copytree(published, tmp_path / published.name))


def deviations(folder: Path, key: PublicKey | None = None) -> list[str]:
    return [str(deviation) for deviation in examine(folder, key).deviations]


def test_a_signed_drill_holds_in_every_respect(folder: Path, key: SigningKey) -> None:
    """Files, chain, verdicts, words, links and signature; each is counted."""
    seen = verify(folder, key.public)

    assert (seen.signature, seen.signed_by) == (Signature.HOLDS, key.public.fingerprint)
    assert seen.record is not None
    assert seen.entries == seen.record.ledger_entries
    assert seen.files == len(list(folder.iterdir())) + 1
    assert len(seen.links.inside) > 10


def test_a_trailing_slash_or_a_relative_place_names_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell completes it, and from inside."""
    monkeypatch.chdir(folder)

    assert examine(Path()) == examine(Path(f"{folder}/"))


def change_record(folder: Path, **changes: object) -> None:
    record = orjson.loads((folder / "drill.json").read_bytes())
    (folder / "drill.json").write_bytes(orjson.dumps({**record, **changes}))


def change_ledger(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first fact, and make the chain whole again."""
    previous = GENESIS
    lines: list[bytes] = []
    for entry in map(orjson.loads, (folder / "ledger.jsonl").read_bytes().splitlines()):
        if not lines:
            change(entry["fact"])
        lines.append(seal(entry["seq"], entry["at"], previous, entry["fact"]) + b"\n")
        previous = orjson.loads(lines[-1])["hash"]
    (folder / "ledger.jsonl").write_bytes(b"".join(lines))


def test_a_time_without_a_zone_is_no_crash(folder: Path) -> None:
    """A record that no drill could have written is told, not stumbled over."""
    change_record(folder, started_at="2026-01-01T00:00:00")
    told = deviations(folder)

    assert "drill.json cannot be rendered: TypeError" in told
    assert "drill.json says 'started_at' otherwise than ledger.jsonl" in told


def test_a_number_beyond_json_is_no_crash(folder: Path, key: SigningKey) -> None:
    """No statement can hold it, and the ledger gives another record."""
    change_record(folder, ledger_entries=2**60)

    assert "drill.json says 'ledger_entries' otherwise than ledger.jsonl" in deviations(folder, key.public)


def test_a_ledger_that_holds_no_runbook_cannot_be_judged(folder: Path) -> None:
    """Its chain may be whole: what it says is not a drill."""
    change_ledger(folder, lambda fact: fact.update(runbook={"id": "nothing"}))

    assert "ledger.jsonl cannot be judged: ValidationError" in deviations(folder)


def test_a_rewritten_first_fact_changes_what_follows_from_it(folder: Path) -> None:
    """Whoever edits the ledger and mends its chain is met by record, manifest and report."""
    change_ledger(folder, lambda fact: fact.update(operator="somebody else"))
    told = deviations(folder)

    assert "drill.json says 'operator' otherwise than ledger.jsonl" in told
    assert "ledger.jsonl does not end where manifest.json says" in told
    assert "ledger.jsonl does not end where drill.json says" in told


def test_another_version_is_told_apart_from_another_hand(folder: Path, published: Path) -> None:
    """Words that a newer version would choose otherwise are a deviation, with the version to verify with."""
    record = orjson.loads((folder / "drill.json").read_bytes())
    change_record(folder, versions={**record["versions"], "khala-drills": "0.0.7"}, operator="x")
    told = [line for line in deviations(folder) if "verify with 0.0.7, which wrote it" in line]

    assert any(
        line.startswith("drill.json says 'operator' otherwise than ledger.jsonl as khala-drills") for line in told
    )
    assert any(line.startswith(f"{folder.name}.md does not say under 'head'") for line in told)
    assert "which wrote it" not in "".join(deviations(published))


def test_an_empty_ledger_does_not_pass(folder: Path) -> None:
    """Nothing follows from nothing."""
    (folder / "ledger.jsonl").write_bytes(b"")

    assert "ledger.jsonl cannot be judged: LedgerDamaged" in deviations(folder)


def rewritten(folder: Path, **changes: object) -> None:
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(manifest.model_copy(update=changes).encode())


def test_a_manifest_that_forgets_a_file_does_not_hide_it(folder: Path) -> None:
    """The file is an addition then, and the ledger still speaks of it when it is gone."""
    kept = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).files
    rewritten(folder, files=tuple(file for file in kept if file.path != "web-after.png"))
    assert "web-after.png was added" in deviations(folder)
    (folder / "web-after.png").unlink()

    assert "web-after.png is missing, which ledger.jsonl speaks of" in deviations(folder)


def test_a_manifest_in_another_form_is_told(folder: Path) -> None:
    """The same facts with other spaces are other bytes than were signed."""
    (folder / MANIFEST).write_bytes(orjson.dumps(orjson.loads((folder / MANIFEST).read_bytes())))

    assert "manifest.json is not written as it is when it is published" in deviations(folder)


def test_an_unsigned_manifest_does_not_explain_signatures_away(folder: Path, key: SigningKey) -> None:
    """Envelopes beside a manifest that names no key are additions."""
    rewritten(folder, signed_by=None)
    told = deviations(folder)

    assert "drill.dsse.json was added" in told
    assert examine(folder, key.public).signature is Signature.BROKEN


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{}", "is not an envelope with one signature"),
        (b'{"payload":"","payloadType":"x","signatures":[]}', "is not an envelope with one signature"),
        (b'{"payload":"!","payloadType":"x","signatures":[{"keyid":"a","sig":"b"}]}', "does not state what"),
    ],
)
def test_what_is_no_envelope_is_told(content: bytes, told: str, folder: Path, key: SigningKey) -> None:
    """Whatever lies in the place of a signature is named, and never trusted."""
    (folder / "drill.dsse.json").write_bytes(content)

    assert any(line.startswith(f"drill.dsse.json {told}") for line in deviations(folder, key.public))
    assert "drill.sigstore.json does not hold the envelope beside it" in deviations(folder, key.public)


def test_an_envelope_in_another_form_is_told(folder: Path) -> None:
    """Another order or another hint leaves the signature whole, and is no less a change."""
    path = folder / "drill.dsse.json"
    envelope = Envelope.parse(path.read_bytes())
    assert envelope is not None
    signature = envelope.signatures[0].model_copy(update={"keyid": "sha256:other"})
    path.write_bytes(envelope.model_copy(update={"signatures": (signature,)}).encode())

    assert "drill.dsse.json is not written as it is when it is published" in deviations(folder)


def test_a_lost_bundle_and_a_lost_envelope_are_told_apart(folder: Path) -> None:
    """Each is named; a bundle without its envelope has lost it."""
    (folder / "drill.dsse.json").unlink()
    (folder / "test-result.sigstore.json").unlink()

    assert deviations(folder) == [
        "test-result.sigstore.json is missing, which holds the signature for other tools",
        "drill.dsse.json is missing, which is the signature",
        "drill.sigstore.json has lost its envelope",
    ]


def test_a_name_that_no_publication_has_is_told(folder: Path) -> None:
    """Even if the manifest names it."""
    (folder / "web-after.png").rename(folder / "WEB.png")
    kept = Manifest.model_validate_json((folder / MANIFEST).read_bytes()).files
    files = (file.model_copy(update={"path": "WEB.png"}) if file.path == "web-after.png" else file for file in kept)
    rewritten(folder, files=tuple(files))

    assert any(line.startswith("WEB.png could never have been published") for line in deviations(folder))


@pytest.mark.parametrize("place", ["", "nowhere", "nowhere.md"])
def test_a_place_where_nothing_was_published_is_a_mistake_of_the_one_who_typed(place: str, folder: Path) -> None:
    """The folder of all reports is not a report."""
    with pytest.raises(RunNotFound, match="there is no published drill at"):
        examine(folder.parent / place)


def test_all_of_it_is_in_the_error(folder: Path) -> None:
    """The message lists one line for each deviation."""
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)

    with pytest.raises(IntegrityBroken, match=r"\n  - a\.txt was added\n  - b\.txt was added\n"):
        verify(folder)
    assert read_ledger(folder / "ledger.jsonl") != ()


def test_a_signature_by_another_key_under_the_right_name_is_told(folder: Path, key: SigningKey) -> None:
    """Everything fits and names the key that is given; only the signature itself was made by another one."""
    path = folder / "drill.dsse.json"
    envelope = Envelope.parse(path.read_bytes())
    assert envelope is not None
    theirs = SigningKey.generate().sign(envelope.statement)
    forged = Envelope.around(envelope.statement, key.public.fingerprint, theirs.signatures[0].sig)
    path.write_bytes(forged.encode())
    (folder / "drill.sigstore.json").write_bytes(bundle(forged))

    assert deviations(folder, key.public) == [f"drill.dsse.json was not signed by {key.public.fingerprint}"]
    assert deviations(folder) == []


def test_statements_of_another_manifest_name_the_manifest(folder: Path, key: SigningKey) -> None:
    """A manifest that was exchanged is named itself, not only the files that it no longer fits."""
    rewritten(folder, ledger_entries=1)

    assert "manifest.json is not the one that drill.dsse.json speaks of" in deviations(folder, key.public)


def test_links_lead_to_published_files(folder: Path) -> None:
    """One that leads nowhere or out is told; the web is counted, and other reports may lie elsewhere."""
    report = folder.with_name(f"{folder.name}.md")
    links = f"[a]({folder.name}/gone.png) [b](../secrets.md) [c](https://example.com/) [d](2026-01-01-old.md) [e](#top)"
    report.write_text(f"{report.read_text(encoding='utf-8')}\n{links}\n", encoding="utf-8")
    seen = examine(folder)

    assert f"{report.name} links to {folder.name}/gone.png, which is not there" in map(str, seen.deviations)
    assert f"{report.name} links to ../secrets.md, out of the folder of reports" in map(str, seen.deviations)
    assert (seen.links.reports, seen.links.web) == (("../secrets.md", "2026-01-01-old.md"), ("https://example.com/",))


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_must_be_in_the_repository_around(folder: Path) -> None:
    """Outside of one that is said; in a fresh one the commit is unknown; of another remote nothing can be told."""
    assert examine(folder).commit.startswith("not checked: this copy is not in the repository")
    record = examine(folder).record
    assert record is not None
    git = ["git", "-C", str(folder.parent), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    remote = record.provenance.remote_url
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    if remote:
        subprocess.run([*git, "remote", "add", "origin", remote], check=True)
    commit = record.provenance.commit
    assert commit is not None
    assert f"drill.json names commit {commit.sha}, which is not in this repository" in deviations(folder)
    subprocess.run([*git, "config", "remote.origin.url", "https://example.com/o/r"], check=True)
    assert deviations(folder) == []
