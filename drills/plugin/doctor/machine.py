"""What the machine needs on which a drill runs: a browser, a repository, room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from drills.errors import DrillError
from drills.evidence.provenance import gather
from drills.plugin.doctor.finding import Finding
from drills.restore.state import StateFolder
from drills.target.chromium import find

FREE_BYTES = 200_000_000
INSTALL_BROWSER = "python3 -m playwright install --with-deps chromium"


def examine_machine() -> Iterator[Finding]:
    """Yield what was found on this machine."""
    yield _browser()
    yield _git()
    yield _disk()


def _browser() -> Finding:
    try:
        choice = find()
    except DrillError as error:
        return Finding("browser", ok=False, seen=error.message, remedy=error.remedy)
    if choice is None:
        return Finding("browser", ok=False, seen="none found", remedy=INSTALL_BROWSER)
    return Finding("browser", ok=True, seen=f"{choice.version} ({choice.executable})")


def _git() -> Finding:
    provenance = gather(Path.cwd())
    if provenance.commit is None:
        return Finding("git", ok=False, seen=provenance.note, remedy="run the drill inside the repository under drill")
    return Finding("git", ok=True, seen=f"{provenance.commit.sha[:12]} {'(dirty)' if provenance.dirty else ''}".strip())


def _disk() -> Finding:
    root = StateFolder.default().runs
    free = shutil.disk_usage(root).free
    return Finding("disk", ok=free > FREE_BYTES, seen=f"{free // 1_000_000} MB free", remedy=f"make room in {root}")
