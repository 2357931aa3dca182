"""Where runs keep their state, outside of every repository: journals, leases and private captures."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APPLICATION = "khala-drills"
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The private folder of this user's drills. Folders in it are made when first asked for, with mode 0700."""

    root: Path

    @classmethod
    def default(cls, environ: Mapping[str, str] = os.environ) -> StateFolder:
        """Return ``$XDG_STATE_HOME/khala-drills``, or the same under ``~/.local/state``.

        A relative ``XDG_STATE_HOME`` is ignored, as the XDG Base Directory Specification demands.
        """
        home = Path(environ.get("XDG_STATE_HOME", ""))
        return cls((home if home.is_absolute() else Path.home() / ".local" / "state") / APPLICATION)

    @property
    def runs(self) -> Path:
        """The folder of private captures, one folder for each drill."""
        return self._folder("runs")

    def journal(self, target_key: str, drill_id: str) -> Path:
        """Return the place of the journal of one drill on one target."""
        return self._folder("journals", file_name(target_key)) / f"{file_name(drill_id)}.journal"

    def journals(self) -> tuple[Path, ...]:
        """Return every journal of this folder, oldest first."""
        found = (self.root / "journals").glob("*/*.journal")
        return tuple(sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name)))

    def lease(self, target_key: str) -> Path:
        """Return the place of the owner record of a target's lease."""
        return self._folder("leases") / f"{file_name(target_key)}.json"

    def lease_of(self, journal: Path) -> Path:
        """Return the place of the owner record of the lease that guards the target of ``journal``."""
        return self._folder("leases") / f"{journal.parent.name}.json"

    def leases(self) -> tuple[Path, ...]:
        """Return every owner record of this folder."""
        return tuple(sorted((self.root / "leases").glob("*.json")))

    def _folder(self, *names: str) -> Path:
        folder = self.root
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for name in names:
            folder /= name
            folder.mkdir(mode=PRIVATE, exist_ok=True)
        return folder


def file_name(text: str) -> str:
    """Return a file name for any text: readable, without separators, and another one for every other text."""
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48]
    return f"{readable or 'unnamed'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
