"""Every way of changing a signed publication is found, and the changed file is named.

``pytest -s`` prints the table of what was tried.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from drills.attestation import examine
from drills.attestation.signature import Signature
from drills.evidence.attesting import ATTESTATIONS, Attestor
from drills.evidence.ledger import GENESIS, read_ledger, seal
from drills.evidence.manifest import MANIFEST, Manifest, describe
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.evidence.signing import PublicKey, SigningKey
from drills.plugin.publishing import judge_run, publish_run
from drills.report.render import render_report
from drills.verdict.judge import judge

SHOWN = Path(__file__).parents[3] / "docs" / "sync" / "status"
#: One of each kind of file.
KINDS = (
    "web-after.png",
    "command-log.txt",
    "junit.xml",
    "drill.json",
    "ledger.jsonl",
    MANIFEST,
    "drill.dsse.json",
)


@dataclass(frozen=True)
class Tampering:
    """One change: of which class, to which file, and how. ``named`` is the file that verification must name."""

    kind: str
    named: str
    act: Callable[[Path], object]


@pytest.fixture(scope="module")
def key(signing_key: Path) -> PublicKey:
    return PublicKey.load(signing_key.with_name(f"{signing_key.name}.pub"))


@pytest.fixture(scope="module")
def original(outcome: Any) -> Path:
    """The folder of a drill that was really run and signed."""
    (folder,) = (path for path in outcome.out.iterdir() if path.is_dir())
    return Path(folder)


@pytest.fixture(scope="module")
def another(signing_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another real drill, signed by the same key."""
    home = tmp_path_factory.mktemp("another")
    source = min(SHOWN.glob("*-embedded-drill"))
    run = RunFolder.create(home, "run")
    for path in source.iterdir():
        shutil.copy(path, run.ledger if path.name == "ledger.jsonl" else run.artefacts / path.name)
    published = publish_run(run, judge_run(run), Redactor(), home / "out", SigningKey.load(signing_key))
    return published.folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """The publication, copied elsewhere."""
    return fresh(original, tmp_path / "copy")


def fresh(original: Path, out: Path) -> Path:
    """Copy a publication into a folder that is made anew, and return where its folder is."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    shutil.copy(original.with_name(f"{original.name}.md"), out)
    return Path(shutil.copytree(original, out / original.name))


def report_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.md")


def place(folder: Path, name: str) -> Path:
    """Return where a published file is: in the folder, or beside it if it is the report."""
    return report_of(folder) if name == report_of(folder).name else folder / name


def flip(name: str, salt: str) -> Callable[[Path], object]:
    """Change one byte, at a place that differs from file to file."""

    def act(folder: Path) -> None:
        path = place(folder, name)
        content = bytearray(path.read_bytes())
        content[int(hashlib.sha256(f"{name}{salt}".encode()).hexdigest(), 16) % len(content)] ^= 1
        path.write_bytes(bytes(content))

    return act


def linked(name: str) -> Callable[[Path], object]:
    """Replace a file by a link to the very same bytes elsewhere."""

    def act(folder: Path) -> None:
        path, elsewhere = place(folder, name), folder.parent.parent / f"elsewhere-{name}"
        shutil.copy(path, elsewhere)
        path.unlink()
        path.symlink_to(elsewhere)

    return act


def deleted(name: str) -> Callable[[Path], object]:
    return lambda folder: place(folder, name).unlink()


def renamed(name: str) -> Callable[[Path], object]:
    return lambda folder: place(folder, name).rename(folder / f"other-{name}")


def swapped(name: str, another: Path) -> Callable[[Path], object]:
    source = report_of(another) if name.endswith(".md") else another / name
    return lambda folder: shutil.copy(source, place(folder, name))


def longer(name: str) -> Callable[[Path], object]:
    """Add a byte that no text shows."""
    return lambda folder: place(folder, name).write_bytes(place(folder, name).read_bytes() + b"\n")


def number_in_a_table(folder: Path) -> None:
    """Change one figure in the table of gates."""
    report = report_of(folder)
    head, heading, rest = report.read_text(encoding="utf-8").partition("## SLO gates")
    changed = re.sub(r"(§[^|]*\| )(\d)", lambda found: f"{found[1]}{(int(found[2]) + 1) % 10}", rest, count=1)
    assert changed != rest
    report.write_text(head + heading + changed, encoding="utf-8")


def lines_of_ledger(change: Callable[[list[bytes]], object]) -> Callable[[Path], object]:
    """Change the lines of the ledger."""

    def act(folder: Path) -> None:
        lines = (folder / "ledger.jsonl").read_bytes().splitlines(keepends=True)
        change(lines)
        (folder / "ledger.jsonl").write_bytes(b"".join(lines))

    return act


def tamperings(original: Path, another: Path) -> Iterator[Tampering]:
    """Yield every change that is tried."""
    report = report_of(original).name
    for name in (*sorted(path.name for path in original.iterdir()), report):
        yield Tampering("one byte changed", name, flip(name, ""))
    for name in (*sorted(ATTESTATIONS), MANIFEST, report):
        yield from (Tampering("one byte changed", name, flip(name, salt)) for salt in "ab")
    for name in (*KINDS, report):
        yield Tampering("byte added at the end", name, longer(name))
        yield Tampering("deleted", name, deleted(name))
        yield Tampering("renamed", name, renamed(name))
        yield Tampering("replaced by a link", name, linked(name))
    for name in ({*KINDS} & {path.name for path in another.iterdir()}) | {report}:
        yield Tampering("swapped with another drill's", name, swapped(name, another))
    yield Tampering("number in a table", report, number_in_a_table)
    yield Tampering("added", "extra.txt", lambda folder: (folder / "extra.txt").write_text("more"))
    yield Tampering("added", ".hidden", lambda folder: (folder / ".hidden").write_text("more"))
    yield Tampering("added", "folder", lambda folder: (folder / "folder").mkdir())
    for change in (drop_one, drop_last, double, turn):
        yield Tampering("ledger line", "ledger.jsonl", lines_of_ledger(change))


def drop_one(lines: list[bytes]) -> None:
    lines.pop(3)


def drop_last(lines: list[bytes]) -> None:
    lines.pop()


def double(lines: list[bytes]) -> None:
    lines.insert(4, lines[3])


def turn(lines: list[bytes]) -> None:
    lines.reverse()


def test_every_change_is_found_and_named(original: Path, another: Path, key: PublicKey, tmp_path: Path) -> None:
    """100 %, class by class: there is no change of a published file that passes."""
    tried, missed = Counter[str](), []
    for tampering in tamperings(original, another):
        folder = fresh(original, tmp_path / "copy")
        tampering.act(folder)
        tried[tampering.kind] += 1
        if tampering.named not in {deviation.file for deviation in examine(folder, key).deviations}:
            missed.append((tampering.kind, tampering.named))
    print("\n".join(f"{kind:30} {count:4} tried" for kind, count in tried.items()))  # noqa: T201 - the table

    assert missed == []
    assert sum(tried.values()) > 90
    assert examine(fresh(original, tmp_path / "copy"), key).deviations == ()


def sealed(folder: Path, manifest: Manifest) -> Manifest:
    """Return ``manifest`` with the digests of the files as they are: what someone writes who edits evidence."""
    files = tuple(describe(file.path, (folder / file.path).read_bytes()) for file in manifest.files)
    report = describe(report_of(folder).name, report_of(folder).read_bytes())
    return manifest.model_copy(update={"files": files, "report": report})


def manifest_of(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / MANIFEST).read_bytes())


def forge(folder: Path, signed_by: str | None) -> Manifest:
    """Rewrite the whole publication consistently, so that its failed past looks better: only the key is missing."""
    at, previous, lines = [], GENESIS, []
    for number, entry in enumerate(read_ledger(folder / "ledger.jsonl"), start=1):
        fact = orjson.loads(entry.fact.model_dump_json())
        fact |= {"operator": "somebody else"} if "operator" in fact else {}
        line = seal(number, entry.at.isoformat(), previous, fact)
        previous = orjson.loads(line)["hash"]
        lines.append(line + b"\n")
        at.append(entry.at)
    (folder / "ledger.jsonl").write_bytes(b"".join(lines))
    record = judge(read_ledger(folder / "ledger.jsonl"))
    (folder / "drill.json").write_bytes(record.model_dump_json().encode() + b"\n")
    report_of(folder).write_text(render_report(record, folder=folder.name, signed_by=signed_by), encoding="utf-8")
    changed = {"ledger_head": previous, "signed_by": signed_by}
    manifest = sealed(folder, manifest_of(folder).model_copy(update=changed))
    (folder / MANIFEST).write_bytes(manifest.encode())
    return manifest


def files_named(folder: Path, key: PublicKey | None) -> set[str]:
    return {deviation.file for deviation in examine(folder, key).deviations}


def test_a_forgery_without_a_flaw_lacks_the_key(copy: Path, key: PublicKey) -> None:
    """Ledger, record, report and manifest agree with each other; what was signed does not agree with them."""
    forge(copy, key.fingerprint)

    assert files_named(copy, key) == {MANIFEST, "test-result.dsse.json", "drill.dsse.json"}


def test_a_forgery_signed_with_another_key_is_not_signed_by_this_one(copy: Path, key: PublicKey) -> None:
    """Whoever brings the key is not fooled; whoever does not is told that it was not checked."""
    theirs = SigningKey.generate()
    manifest = forge(copy, theirs.public.fingerprint)
    record = judge(read_ledger(copy / "ledger.jsonl"))
    for name, content in Attestor(record, theirs).attest(manifest).items():
        (copy / name).write_bytes(content)

    assert files_named(copy, key) == {"manifest.json", "test-result.dsse.json", "drill.dsse.json"}
    assert examine(copy).signature is Signature.NOT_CHECKED
    assert examine(copy, theirs.public).signature is Signature.HOLDS


def test_stripped_signatures_are_missed(copy: Path, key: PublicKey) -> None:
    """Without a key they are missed because the manifest names them; rewritten as unsigned, the key misses them."""
    for name in ATTESTATIONS:
        (copy / name).unlink()
    assert files_named(copy, None) == files_named(copy, key) == ATTESTATIONS
    forge(copy, None)

    assert examine(copy).signature is Signature.UNSIGNED
    assert [str(deviation) for deviation in examine(copy, key).deviations] == [
        "manifest.json names no key: this drill is unsigned"
    ]


def test_the_envelope_of_another_drill_does_not_fit(copy: Path, another: Path, key: PublicKey) -> None:
    """The same key signed it, for another manifest and record."""
    for name in ATTESTATIONS:
        shutil.copy(another / name, copy)

    assert files_named(copy, key) == {MANIFEST, "test-result.dsse.json", "drill.dsse.json"}


def test_an_edited_picture_is_found_also_without_a_signature(copy: Path) -> None:
    """The ledger knows its digest, whatever a new manifest says."""
    flip("web-after.png", "")(copy)
    (copy / MANIFEST).write_bytes(sealed(copy, manifest_of(copy)).encode())

    assert "web-after.png is not the file that ledger.jsonl speaks of" in map(str, examine(copy).deviations)


def test_a_drill_under_another_name_is_found(copy: Path, key: PublicKey) -> None:
    """Evidence of one day cannot stand in for that of another."""
    report_of(copy).rename(copy.with_name("2026-01-01-drill.md"))
    moved = copy.rename(copy.with_name("2026-01-01-drill"))

    assert "manifest.json" in files_named(moved, key)


def test_all_deviations_are_told_at_once(copy: Path, key: PublicKey) -> None:
    """Whoever has to explain them wants the whole list: nothing stops at the first."""
    for name in ("drill.json", "web-after.png", "drill.dsse.json"):
        flip(name, "")(copy)
    (copy / "manifest.json").unlink()
    named = files_named(copy, key)

    assert {"drill.json", "web-after.png", "drill.dsse.json", "manifest.json"} <= named
