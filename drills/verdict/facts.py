"""A ledger read by kind of fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from drills.errors import LedgerDamaged
from drills.evidence.records import DrillStarted, LedgerEntry

FactKind = TypeVar("FactKind", bound=BaseModel)


@dataclass(frozen=True)
class Facts:
    """The entries of one ledger, in order."""

    entries: Sequence[LedgerEntry]

    @property
    def started(self) -> DrillStarted:
        """The first fact.

        Raises:
            LedgerDamaged: the ledger does not begin with the fact that a drill started.
        """
        if not self.entries or not isinstance(self.entries[0].fact, DrillStarted):
            raise LedgerDamaged("the ledger does not begin with 'drill-started'", remedy="judge a whole ledger")
        return self.entries[0].fact

    def of(self, kind: type[FactKind]) -> tuple[FactKind, ...]:
        """Return every fact of one kind, oldest first."""
        return tuple(entry.fact for entry in self.entries if isinstance(entry.fact, kind))

    def last(self, kind: type[FactKind]) -> FactKind | None:
        """Return the newest fact of one kind, None where there is none."""
        return next(iter(reversed(self.of(kind))), None)
