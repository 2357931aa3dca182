"""What docs/evidence.md tells a sceptic to type works, and finds what it says it finds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from pydantic.alias_generators import to_camel

from drills.evidence.key_files import write_key_pair
from drills.evidence.statements import DRILL_PREDICATE, TEST_RESULT_PREDICATE, DrillDetail

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
PUBLISH = ROOT / "tests" / "functional" / "report" / "publish_again.py"
#: What the reader fills in, which is given here as variables.
FILLED_IN = ("DRILL=", "KEY=", "WORK=")


def script() -> str:
    """Return the commands of the section on checking without this tool, as one script that stops at an error."""
    section = PAGE.partition("## Check it without this tool")[2].partition("\n## ")[0]
    blocks = [
        token.content for token in MarkdownIt().parse(section) if token.type == "fence" and token.info == "console"
    ]
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith(FILLED_IN)]
    return "\n".join(["set -euo pipefail", *lines])


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real drill, signed; the key lies two folders above as ``signing.key``."""
    if shutil.which("openssl") is None:
        pytest.skip("OpenSSL is not installed")
    home = tmp_path_factory.mktemp("signed")
    write_key_pair(home / "signing.key")
    shown = min((ROOT / "docs" / "sync" / "status").glob("*-embedded-drill"))
    subprocess.run([sys.executable, PUBLISH, shown, home / "signing.key", home], check=True)
    (report,) = (home / "status").glob("2*.md")
    return report.with_suffix("")


def checked(signed: Path, key: str, work: Path) -> subprocess.CompletedProcess[str]:
    """Type the commands of the page."""
    work.mkdir(exist_ok=True)
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "DRILL": signed.name, "KEY": key, "WORK": str(work)}
    words = ["bash", "-c", script()]
    return subprocess.run(words, cwd=signed.parent, env=environment, capture_output=True, text=True, check=False)


def test_the_commands_accept_a_signed_drill(signed: Path, tmp_path: Path) -> None:
    """Every command of the section succeeds, and OpenSSL says so."""
    done = checked(signed, str(signed.parents[1] / "signing.key.pub"), tmp_path / "work")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Signature Verified Successfully" in done.stdout


def _picture(folder: Path) -> None:
    (folder / "web-after.png").write_bytes((folder / "web-after.png").read_bytes() + b"x")


def _report(folder: Path) -> None:
    report = folder.with_name(f"{folder.name}.md")
    report.write_text(report.read_text(encoding="utf-8").replace("PASS", "FAIL", 1), encoding="utf-8")


def _manifest(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(re.sub(r'("ledger_entries": )(\d+)', r"\g<1>9\2", manifest.read_text(encoding="utf-8")))


def _other_letter(found: re.Match[str]) -> str:
    return f"{found[1]}{'B' if found[2] == 'A' else 'A'}"


def _statement(folder: Path) -> None:
    envelope = folder / "drill.dsse.json"
    envelope.write_text(re.sub(r'("payload": ".{80})(.)', _other_letter, envelope.read_text()))


@pytest.mark.parametrize("tamper", [_picture, _report, _manifest, _statement])
def test_the_commands_refuse_what_was_changed(signed: Path, tamper: Callable[[Path], None], tmp_path: Path) -> None:
    """A picture, a word, the manifest, a signed statement: the script stops there."""
    shutil.copytree(signed.parent, tmp_path / "status")
    tamper(tmp_path / "status" / signed.name)

    assert checked(
        tmp_path / "status" / signed.name, str(signed.parents[1] / "signing.key.pub"), tmp_path / "w"
    ).returncode


def test_the_commands_refuse_another_key(signed: Path, tmp_path: Path) -> None:
    """A key that signed nothing here is refused."""
    write_key_pair(tmp_path / "other.key")

    assert checked(signed, str(tmp_path / "other.key.pub"), tmp_path / "work").returncode


def test_every_field_of_the_drills_own_statement_is_explained() -> None:
    """A verifier finds each field on the page, and both types of predicate."""
    fields = [to_camel(name) for name in DrillDetail.model_fields]

    assert [field for field in fields if f"`{field}`" not in PAGE] == []
    assert f"`{DRILL_PREDICATE}`" in PAGE
    assert f"`{TEST_RESULT_PREDICATE}`" in PAGE
