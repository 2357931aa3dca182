"""The desktop shell's memory: the high watermark per topic, in a SQLite file that outlives the shell."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

_SCHEMA = "CREATE TABLE IF NOT EXISTS watermarks (topic TEXT PRIMARY KEY, watermark INTEGER NOT NULL)"


class WatermarkFile:
    """Watermarks by topic, in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, int]:
        """Return the watermark of every topic that has one."""
        with closing(self._open()) as connection:
            return dict(connection.execute("SELECT topic, watermark FROM watermarks"))

    def replace(self, watermarks: Mapping[str, int]) -> None:
        """Keep exactly these watermarks from now on."""
        with closing(self._open()) as connection, connection:
            connection.execute("DELETE FROM watermarks")
            connection.executemany("INSERT INTO watermarks VALUES (?, ?)", watermarks.items())

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path)
        connection.execute(_SCHEMA)
        return connection
