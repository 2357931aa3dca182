"""One ledger gives one publication, byte for byte, on any machine at any time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drills.evidence.key_files import write_key_pair

PROGRAM = Path(__file__).with_name("publish_again.py")
SHOWN = Path(__file__).parents[3] / "docs" / "sync" / "status"
HERE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"}
#: Another order of sets, another time zone, another language, and a wish for another date.
THERE = {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "1"}


def made(out: Path, key: Path, environment: dict[str, str]) -> dict[str, bytes]:
    """Publish in a process of its own, and return every file that came of it."""
    published = min(SHOWN.glob("*-embedded-drill"))
    out.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    subprocess.run(
        [sys.executable, PROGRAM, published, key, out], check=True, env={**inherited, **environment}, cwd=out
    )
    kept = (path for path in out.rglob("*") if path.is_file() and "runs" not in path.parts)
    return {str(path.relative_to(out)): path.read_bytes() for path in kept}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The same drill, published in two places that have little in common."""
    folder = tmp_path_factory.mktemp("twice")
    write_key_pair(folder / "signing.key")
    return made(folder / "here", folder / "signing.key", HERE), made(folder / "there", folder / "signing.key", THERE)


@pytest.mark.parametrize(
    "ending", [".md", "manifest.json", "drill.json", ".png", ".svg", ".dsse.json", ".sigstore.json"]
)
def test_the_same_ledger_gives_the_same_bytes(twice: tuple[dict[str, bytes], dict[str, bytes]], ending: str) -> None:
    """Report and index, manifest, record, plots, signatures: nothing says where or when it was written."""
    here, there = ({name: content for name, content in one.items() if name.endswith(ending)} for one in twice)

    assert here != {}
    assert [name for name in here if here[name] != there.get(name)] == []
    assert here.keys() == there.keys()
