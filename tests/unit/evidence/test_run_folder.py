"""A run's own folder is private, new, and outside the repository."""

from __future__ import annotations

from pathlib import Path

from drills.evidence.run_folder import RunFolder


def test_each_run_has_a_private_folder_of_its_own(tmp_path: Path) -> None:
    """Two runs of one name do not meet, and nobody else can look in."""
    first = RunFolder.create(tmp_path / "state", "2026-02-20 Drill/../x")
    second = RunFolder.create(tmp_path / "state", "2026-02-20 Drill/../x")

    assert first.root == tmp_path / "state" / "runs" / "2026-02-20-drill-x"
    assert second.root == tmp_path / "state" / "runs" / "2026-02-20-drill-x-2"
    assert sorted(path.name for path in first.root.iterdir()) == ["artefacts", "quarantine"]
    assert not first.ledger.exists()
    for folder in (first.root, first.artefacts, first.quarantine):
        assert folder.stat().st_mode & 0o777 == 0o700
