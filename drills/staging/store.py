"""The tables of the staging and how they are reached: SQLite (write-ahead log) by default, PostgreSQL by address.

Every table belongs to exactly one owner: the authority (``runtime_*``), the Convex lane (``convex_*``) or the Khala
lane (``sync_*``). A reading transaction is one snapshot on either database; a writing one is alone on SQLite and locks
rows on PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from sqlite3 import Connection as SQLiteConnection

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Dialect,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

#: How long a writer of another process may hold a SQLite file before a statement gives up.
BUSY_SECONDS = 15


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite keeps no offset, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments and keep the others in UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its offset."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

entities = Table(
    "runtime_entities",
    metadata,
    Column("entity", String, primary_key=True),
    Column("entity_id", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("status", String, nullable=False),
)
events = Table(
    "runtime_events",
    metadata,
    Column("entity", String, primary_key=True),
    Column("entity_id", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("event_type", String, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    Column("occurred_at", Moment, nullable=False),
)
checkpoints = Table(
    "convex_projection_checkpoints",
    metadata,
    Column("document_id", String, primary_key=True),
    Column("projection_name", String, nullable=False),
    Column("entity_id", String, nullable=False),
    Column("last_runtime_seq", BigInteger, nullable=False),
    Column("projection_version", String, nullable=False),
    Column("summary_hash", String, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("projection_name", "entity_id"),
    Index("convex_projection_checkpoints_recent", "updated_at"),
)
convex_documents = Table(
    "convex_documents",
    metadata,
    Column("document_id", String, primary_key=True),
    Column("projection_name", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
read_models = Table(
    "sync_read_models",
    metadata,
    Column("doc_key", String, primary_key=True),
    Column("topic", String, nullable=False, index=True),
    Column("doc_version", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_hash", String, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
stream = Table(
    "sync_stream_events",
    metadata,
    Column("topic", String, primary_key=True),
    Column("watermark", BigInteger, primary_key=True),
    Column("doc_key", String, nullable=False),
    Column("doc_version", BigInteger, nullable=False),
    Column("payload", LargeBinary),
    Column("payload_hash", String, nullable=False),
    Column("inserted_at", Moment, nullable=False, index=True),
)
topics = Table(
    "sync_topics",
    metadata,
    Column("topic", String, primary_key=True),
    Column("next_watermark", BigInteger, nullable=False),
)


class Store:
    """A database with the tables of the staging. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_size=8, pool_pre_ping=not url.startswith("sqlite"))
        self._sqlite = self._engine.dialect.name == "sqlite"
        # SQLite's own waiting polls with growing pauses; queueing the writers of this process here is fair and quick.
        self._turn: AbstractContextManager[object] = threading.Lock() if self._sqlite else nullcontext()
        if self._sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    def create(self) -> None:
        """Create the tables that are not there yet."""
        metadata.create_all(self._engine)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Yield a connection whose statements all see one snapshot."""
        with self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Yield a connection whose statements are committed together, or not at all."""
        with self._turn, self._engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give up every connection."""
        self._engine.dispose()


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, SQLiteConnection)  # noqa: S101 - narrows the driver's type
    # The driver's own idea of when a transaction begins would turn reads followed by writes into lock errors.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
