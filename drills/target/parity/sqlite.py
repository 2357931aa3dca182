"""Rows of a SQLite file, opened so that nothing can be written to it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from drills.errors import TargetUnreachable

MARK = "?"
#: The clock is looked at after so many steps of SQLite's virtual machine.
STEPS = 100_000


class SqliteRows:
    """Streams the rows of a statement; a statement that takes too long is ended."""

    mark = MARK

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._path = Path(unquote(urlsplit(url).path).removeprefix("/"))
        self._timeout = timeout_seconds

    def rows(self, statement: str, parameters: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of ``statement``, one at a time, as one snapshot.

        Raises:
            TargetUnreachable: the file cannot be read, or the statement took too long.
        """
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True)) as connection:
                connection.execute("PRAGMA query_only = ON")
                deadline = time.monotonic() + self._timeout
                connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
                yield from connection.execute(statement, parameters)
        except sqlite3.Error as error:
            raise TargetUnreachable(f"parity database {self._path.name}: {error}", remedy="drill doctor") from None
