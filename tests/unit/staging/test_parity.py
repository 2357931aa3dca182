from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.staging.parity import Checkpoint, Comparison, Cycle, CycleStatus, ReadModel, Reason, compare

SEQ, HASH = 5, "sha256:same"
DOCUMENT = "runtime/run_summary:run_01"


def checkpoint(seq: int = SEQ, projection: str = "run_summary") -> Checkpoint:
    """Return what the Convex lane says of the document."""
    return Checkpoint(DOCUMENT, projection, seq, HASH)


def read_model(version: int = SEQ, summary_hash: str = HASH) -> ReadModel:
    """Return what the Khala lane holds of the document."""
    return ReadModel(version, "sha256:payload", summary_hash)


@pytest.mark.parametrize(
    ("model", "reason", "drift"),
    [
        (read_model(), Reason.NONE, 0),
        (None, Reason.KHALA_MISSING, SEQ),
        (read_model(summary_hash="sha256:other"), Reason.SUMMARY_HASH_MISMATCH, 0),
        (read_model(version=3), Reason.LAG_DRIFT, 2),
        (read_model(version=3, summary_hash="sha256:other"), Reason.HASH_AND_LAG_DRIFT, 2),
        (read_model(version=7, summary_hash="sha256:other"), Reason.HASH_AND_LAG_DRIFT, -2),
    ],
)
def test_each_disagreement_has_its_reason(model: ReadModel | None, reason: Reason, drift: int) -> None:
    """The reason says what differs; the drift counts the events between the lanes, all of them when one is missing."""
    (seen,) = compare([checkpoint()], {DOCUMENT: model} if model else {})

    assert (seen.reason, seen.lag_drift, seen.matches) == (reason, drift, reason is Reason.NONE)


def test_an_unknown_projection_is_not_compared() -> None:
    """A checkpoint of a projection that Khala does not carry is a mismatch of its own kind."""
    (seen,) = compare([checkpoint(projection="invoice_summary")], {DOCUMENT: read_model()})

    assert (seen.reason, seen.lag_drift) == (Reason.UNSUPPORTED_PROJECTION, 0)


def test_an_empty_cycle_is_neither_clean_nor_drifted() -> None:
    """Nothing compared is told from nothing found: the rate reads 0.0, the status says empty."""
    cycle = Cycle(())

    assert (cycle.status, cycle.mismatch_rate, cycle.sampled) == (CycleStatus.EMPTY, 0.0, 0)
    assert (cycle.max_abs_lag_drift, cycle.avg_abs_lag_drift) == (0, 0.0)


def test_a_cycle_counts_what_it_saw() -> None:
    """Rate, largest and mean drift are over everything sampled, whichever lane is ahead."""
    drifts = [(Reason.NONE, 0), (Reason.LAG_DRIFT, -3), (Reason.KHALA_MISSING, 5), (Reason.NONE, 0)]
    cycle = Cycle(tuple(Comparison(checkpoint(), reason, drift) for reason, drift in drifts))

    assert (cycle.status, cycle.mismatches, cycle.mismatch_rate) == (CycleStatus.MISMATCH, 2, 0.5)
    assert (cycle.max_abs_lag_drift, cycle.avg_abs_lag_drift) == (5, 2.0)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50), st.booleans()), max_size=20))
def test_a_cycle_is_clean_exactly_when_every_document_agrees(rows: list[tuple[int, int, bool]]) -> None:
    """Status ok means: something was sampled, every version and hash is the same."""
    checkpoints = [Checkpoint(str(place), "run_summary", seq, HASH) for place, (seq, _, _) in enumerate(rows)]
    models = {
        str(place): read_model(version, HASH if same else "sha256:other")
        for place, (_, version, same) in enumerate(rows)
    }
    cycle = Cycle(compare(checkpoints, models))

    assert (cycle.status is CycleStatus.OK) == (rows != [] and all(a == b and same for a, b, same in rows))
