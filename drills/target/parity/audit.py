"""The audit itself: which rows are looked at, and by which hash."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from drills.canonical import summary_matches
from drills.errors import ProfileInvalid
from drills.target.parity import statements
from drills.target.parity.erlang import TermEncoder
from drills.target.parity.outcomes import Audit, Matcher, compare
from drills.target.parity.settings import HashScheme, ParitySettings

MATCHERS: Mapping[HashScheme, Matcher] = {
    HashScheme.CANONICAL_JSON: summary_matches,
    HashScheme.ERLANG_TERM: TermEncoder(utf8_atoms=True).summary_matches,
    HashScheme.ERLANG_TERM_OTP25: TermEncoder(utf8_atoms=False).summary_matches,
}
#: The driver of PostgreSQL is an extra, so that its module is looked for only when an address asks for it.
READERS: Mapping[str, str] = {
    "sqlite": "drills.target.parity.sqlite:SqliteRows",
    "postgresql": "drills.target.parity.postgres:PostgresRows",
    "postgresql+psycopg": "drills.target.parity.postgres:PostgresRows",
    "postgres": "drills.target.parity.postgres:PostgresRows",
}


class RowSource(Protocol):
    """A database that can only be read. ``mark`` stands in its statements where a parameter goes."""

    mark: str

    def rows(self, statement: str, parameters: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of ``statement`` as one snapshot, without holding them all.

        Raises:
            TargetUnreachable: the database does not answer in time, or refuses.
        """


class ParityAudit:
    """Compares the two lanes. Every method reads one snapshot and raises ``TargetUnreachable`` when it cannot."""

    def __init__(self, source: RowSource, settings: ParitySettings) -> None:
        self.settings = settings
        self.source = source
        self._matches = MATCHERS[settings.hash_scheme]

    def every(self) -> Audit:
        """Compare every document."""
        return self._compare(statements.every(self.settings))

    def newest(self) -> Audit:
        """Compare the documents that the runtime's auditor takes."""
        return self._compare(statements.newest(self.settings))

    def again(self, audit: Audit) -> Audit:
        """Return ``audit`` after another look at the documents that disagreed in it."""
        names = list(audit.disagreeing)
        if not names:
            return audit
        return audit.seen_again(self._compare(statements.named(self.settings, self.source.mark, len(names)), names))

    def khala_only(self) -> int:
        """Return how many read models have no checkpoint: what no auditor looks at."""
        ((count,),) = self.source.rows(statements.khala_only(self.settings))
        return int(count)

    def _compare(self, statement: str, parameters: Sequence[str] = ()) -> Audit:
        rows: Any = self.source.rows(statement, parameters)  # the columns are those of Row
        return compare(rows, self._matches, frozenset(self.settings.projections))


def open_database(url: str, timeout_seconds: float) -> RowSource:
    """Return the reader of the database at ``url``; nothing is connected yet.

    Raises:
        ProfileInvalid: no reader knows such an address, or the driver that it needs is not installed.
    """
    scheme = url.partition("://")[0]
    if scheme not in READERS:
        raise ProfileInvalid(
            "the parity database is neither PostgreSQL nor SQLite",
            remedy="give an address that begins with postgresql:// or sqlite:///",
        )
    try:
        reader: Any = pkgutil.resolve_name(READERS[scheme])
    except ModuleNotFoundError as error:
        raise ProfileInvalid(
            f"the parity database needs {error.name}", remedy="pip install 'khala-drills[postgres]'"
        ) from None
    source: RowSource = reader(url, timeout_seconds)
    return source
