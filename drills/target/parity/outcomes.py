"""What comes of comparing both lanes document by document. Pure: rows go in, counts come out, in constant memory.

The words and figures are those of the runtime's auditor, so that the two can be held against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

#: Gives whether a payload's summary has this hash.
Matcher = Callable[[bytes, str], bool]
#: document id, projection name, checkpoint's seq and hash, read model's version and payload (None without one)
Row = tuple[str, str, int, str | None, int | None, bytes | str | None]
#: So many documents that disagree are kept by name; further ones are only counted.
KEPT = 1000


class Outcome(StrEnum):
    """Why two lanes disagree on a document; ``none`` when they agree."""

    NONE = "none"
    KHALA_MISSING = "khala_missing"
    SUMMARY_HASH_MISMATCH = "summary_hash_mismatch"
    LAG_DRIFT = "lag_drift"
    HASH_AND_LAG_DRIFT = "hash_and_lag_drift"
    UNSUPPORTED_PROJECTION = "unsupported_projection"


@dataclass(frozen=True, slots=True)
class Audit:
    """How many documents were compared, by outcome, and which ones disagree (the first :data:`KEPT` of them)."""

    counts: Mapping[str, int]
    disagreeing: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def compared(self) -> int:
        """How many documents were compared."""
        return sum(self.counts.values())

    @property
    def mismatches(self) -> int:
        """How many of them disagree."""
        return self.compared - self.counts.get(Outcome.NONE, 0)

    @property
    def mismatch_rate(self) -> float | None:
        """Mismatches by documents compared; None when nothing was compared."""
        return self.mismatches / self.compared if self.compared else None

    def seen_again(self, later: Audit) -> Audit:
        """Return the audit in which the documents that disagreed are counted as ``later``, a look at them, found them.

        A document that is gone by then is no longer counted.
        """
        counts = Counter[str](self.counts)
        counts.subtract(Counter[str](self.disagreeing.values()))
        counts.update(later.counts)
        return replace(self, counts=dict(+counts), disagreeing=later.disagreeing)


def compare(rows: Iterable[Row], matches: Matcher, projections: Collection[str]) -> Audit:
    """Hold the two sides of every row against each other. Nothing but counts and names of disagreements is kept."""
    agreed, counts, disagreeing = 0, Counter[str](), dict[str, Outcome]()
    for row in rows:
        outcome = judge(row, matches, projections)
        if outcome is Outcome.NONE:
            agreed += 1
            continue
        counts[outcome] += 1
        if len(disagreeing) < KEPT:
            disagreeing[row[0]] = outcome
    return Audit({**counts, Outcome.NONE: agreed} if agreed else dict(counts), disagreeing)


def judge(row: Row, matches: Matcher, projections: Collection[str]) -> Outcome:
    """Return the outcome of one row."""
    _, projection, seq, summary_hash, version, payload = row
    if projection not in projections:
        return Outcome.UNSUPPORTED_PROJECTION
    if version is None:
        return Outcome.KHALA_MISSING
    if _same_summary(payload, summary_hash, matches):
        return Outcome.NONE if version == seq else Outcome.LAG_DRIFT
    return Outcome.SUMMARY_HASH_MISMATCH if version == seq else Outcome.HASH_AND_LAG_DRIFT


def _same_summary(payload: bytes | str | None, summary_hash: str | None, matches: Matcher) -> bool:
    if payload is None or summary_hash is None:
        return False
    try:
        return matches(payload.encode() if isinstance(payload, str) else payload, summary_hash)
    except ValueError:
        return False  # what is not even a summary has no hash that a checkpoint could hold


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Return how far two counts by outcome lie apart: half the sum of the absolute differences of their shares.

    0 says that the shares are equal, 1 that they have nothing in common; this is the total variation distance of the
    two distributions. None when one of them counts nothing.
    """
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return None
    names = {*one, *other}
    return sum(abs(one.get(name, 0) / totals[0] - other.get(name, 0) / totals[1]) for name in names) / 2
