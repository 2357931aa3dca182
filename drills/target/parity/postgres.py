"""Rows of a PostgreSQL database, read in a transaction that may not write, through a cursor of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from drills.errors import TargetUnreachable

MARK = "%s"
CONNECT_SECONDS = 10
#: So many rows are fetched at once; with documents of 1 KB that is about 1 MB.
FETCHED = 1000


class SqlJson(Loader):
    """Gives a ``json`` value as the bytes that the server keeps, since only their hash is wanted."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return the bytes of the document."""
        return bytes(data)


class SqlJsonb(SqlJson):
    """Gives a ``jsonb`` value as JSON; on the wire a version byte goes before it."""

    def load(self, data: Buffer) -> bytes:
        """Return the bytes of the document."""
        return bytes(data)[1:]


class PostgresRows:
    """Streams the rows of a statement; a statement that takes too long is ended by the server."""

    mark = MARK

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url)
        self._timeout = timeout_seconds

    def rows(self, statement: str, parameters: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of ``statement``, some thousand in memory at a time, as one snapshot.

        Raises:
            TargetUnreachable: the database does not answer or refuses, or the statement took too long.
        """
        try:
            with self._connect() as connection, connection.cursor("audit", binary=True) as cursor:
                cursor.itersize = FETCHED
                cursor.execute(statement.encode(), parameters)
                yield from cursor
        except psycopg.Error as error:
            raise TargetUnreachable(
                f"parity database: {str(error).strip() or type(error).__name__}", remedy="drill doctor"
            ) from None

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        limit = f"-c statement_timeout={round(self._timeout * 1000)} -c default_transaction_read_only=on"
        connection = psycopg.connect(self._url, options=limit, connect_timeout=CONNECT_SECONDS)
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.adapters.register_loader("json", SqlJson)
        connection.adapters.register_loader("jsonb", SqlJsonb)
        return connection
