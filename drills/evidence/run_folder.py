"""Where a run keeps what it writes before anything is published: private folders outside the repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drills.evidence.durable import PRIVATE_FOLDER
from drills.evidence.naming import alternatives, slug


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The private folder of one drill. ``quarantine`` takes raw captures, which are never published as they are."""

    root: Path

    @classmethod
    def create(cls, state: Path, drill_id: str) -> RunFolder:
        """Make the folder of a new run, readable by its owner alone; a second run of that name gets ``-2``."""
        runs = state / "runs"
        runs.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for name in alternatives(slug(drill_id)):
            try:
                (runs / name).mkdir(mode=PRIVATE_FOLDER)
            except FileExistsError:
                continue
            break
        run = cls(runs / name)
        run.artefacts.mkdir(mode=PRIVATE_FOLDER)
        run.quarantine.mkdir(mode=PRIVATE_FOLDER)
        return run

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.root / "ledger.jsonl"

    @property
    def destination(self) -> Path:
        """The file that names the folder in which this drill is to be published."""
        return self.root / "destination.txt"

    @property
    def artefacts(self) -> Path:
        """The folder of redacted artefacts, all of which are published."""
        return self.root / "artefacts"

    @property
    def quarantine(self) -> Path:
        """The folder of raw captures."""
        return self.root / "quarantine"

    @property
    def recordings(self) -> Path:
        """The folder of raw traces and HAR archives, inside the quarantine."""
        return self.quarantine / "recordings"

    @property
    def refusal(self) -> Path:
        """The file that says why this run may not be published, by any later command either."""
        return self.root / "refused.txt"
