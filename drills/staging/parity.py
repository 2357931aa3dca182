"""Parity of the two lanes: what a checkpoint says held against the read model of the same document. Pure.

Reasons and figures are those of the runtime's own auditor: the lag drift is the checkpoint's seq minus the read model's
version (the whole seq when there is no read model), the hash covers the summary without ``projected_at``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drills.staging.documents import PROJECTION_NAMES


class Reason(StrEnum):
    """Why two lanes disagree on a document; ``none`` when they agree."""

    NONE = "none"
    KHALA_MISSING = "khala_missing"
    SUMMARY_HASH_MISMATCH = "summary_hash_mismatch"
    LAG_DRIFT = "lag_drift"
    HASH_AND_LAG_DRIFT = "hash_and_lag_drift"
    UNSUPPORTED_PROJECTION = "unsupported_projection"


class CycleStatus(StrEnum):
    """How a cycle went. ``empty``: nothing was compared, which proves nothing."""

    OK = "ok"
    MISMATCH = "mismatch"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the Convex lane says of a document."""

    document_id: str
    projection_name: str
    seq: int
    summary_hash: str


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What the Khala lane holds of a document."""

    doc_version: int
    payload_hash: str
    summary_hash: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One document compared."""

    checkpoint: Checkpoint
    reason: Reason
    lag_drift: int

    @property
    def matches(self) -> bool:
        """Whether both lanes agree."""
        return self.reason is Reason.NONE


@dataclass(frozen=True, slots=True)
class Cycle:
    """The figures of one cycle. ``mismatch_rate`` is 0.0 when nothing was sampled: read ``status`` first."""

    comparisons: tuple[Comparison, ...]

    @property
    def sampled(self) -> int:
        """How many documents were compared."""
        return len(self.comparisons)

    @property
    def mismatches(self) -> int:
        """How many of them disagree."""
        return sum(not comparison.matches for comparison in self.comparisons)

    @property
    def mismatch_rate(self) -> float:
        """Mismatches by documents compared."""
        return self.mismatches / self.sampled if self.sampled else 0.0

    @property
    def max_abs_lag_drift(self) -> int:
        """The largest absolute lag drift, in events."""
        return max((abs(comparison.lag_drift) for comparison in self.comparisons), default=0)

    @property
    def avg_abs_lag_drift(self) -> float:
        """The mean absolute lag drift, in events."""
        total = sum(abs(comparison.lag_drift) for comparison in self.comparisons)
        return total / self.sampled if self.sampled else 0.0

    @property
    def status(self) -> CycleStatus:
        """``empty`` without a sample, otherwise whether anything disagreed."""
        if not self.sampled:
            return CycleStatus.EMPTY
        return CycleStatus.MISMATCH if self.mismatches else CycleStatus.OK


def compare(checkpoints: Sequence[Checkpoint], read_models: Mapping[str, ReadModel]) -> tuple[Comparison, ...]:
    """Hold every checkpoint against the read model of its document, in the order of the checkpoints."""
    return tuple(_compare_one(checkpoint, read_models.get(checkpoint.document_id)) for checkpoint in checkpoints)


def _compare_one(checkpoint: Checkpoint, read_model: ReadModel | None) -> Comparison:
    if checkpoint.projection_name not in PROJECTION_NAMES:
        return Comparison(checkpoint, Reason.UNSUPPORTED_PROJECTION, 0)
    if read_model is None:
        return Comparison(checkpoint, Reason.KHALA_MISSING, checkpoint.seq)
    lag_drift = checkpoint.seq - read_model.doc_version
    same_hash = checkpoint.summary_hash == read_model.summary_hash
    return Comparison(checkpoint, _reason(same_hash=same_hash, same_version=lag_drift == 0), lag_drift)


def _reason(*, same_hash: bool, same_version: bool) -> Reason:
    if same_hash:
        return Reason.NONE if same_version else Reason.LAG_DRIFT
    return Reason.SUMMARY_HASH_MISMATCH if same_version else Reason.HASH_AND_LAG_DRIFT
