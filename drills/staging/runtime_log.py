"""The runtime's structured log: JSON lines, the newest ones in memory, all of them in a private file.

Nothing secret is ever handed to it: components log counts, names and hashes, never tokens or addresses.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import orjson

from drills.clock import Clock

KEPT_LINES = 5000


class RuntimeLog:
    """Appends lines and gives the newest back, by component."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = path.open("ab", buffering=0)
        self._clock = clock
        self._lines: deque[tuple[str, bytes]] = deque(maxlen=KEPT_LINES)

    def write(self, component: str, message: str, level: str = "info", **facts: float | str | None) -> None:
        """Append one line: when, how grave, which component, what happened, and the facts."""
        head = {"at": self._clock.now().isoformat(), "level": level, "component": component, "message": message}
        line = orjson.dumps(head | facts) + b"\n"
        self._lines.append((component, line))
        self._file.write(line)

    def newest(self, component: str | None, limit: int) -> bytes:
        """Return the newest ``limit`` lines of ``component`` (of all when None), oldest first."""
        lines = [line for name, line in self._lines if component in {None, name}]
        return b"".join(lines[-limit:] if limit > 0 else ())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
