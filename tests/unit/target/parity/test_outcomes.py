from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.canonical import encode, summary_hash, summary_matches
from drills.target.parity.outcomes import KEPT, Audit, Outcome, Row, compare, distance

PROJECTIONS = frozenset({"run_summary"})
SUMMARY = {"run_id": "r1", "status": "running", "projected_at": "12:00"}
OTHER = {**SUMMARY, "status": "done"}
COUNTS = st.dictionaries(st.sampled_from([*Outcome, "another"]), st.integers(1, 1000), min_size=1)


def row(
    version: int | None = 3, payload: object = SUMMARY, projection: str = "run_summary", document: str = "d"
) -> Row:
    """Return a row whose checkpoint has seq 3 and the hash of SUMMARY."""
    content = encode(payload) if isinstance(payload, dict) else payload
    assert content is None or isinstance(content, bytes | str)
    return document, projection, 3, summary_hash(SUMMARY), version, content


@pytest.mark.parametrize(
    ("given_row", "outcome"),
    [
        (row(), Outcome.NONE),
        (row(payload=encode({**SUMMARY, "projected_at": "13:00"}).decode()), Outcome.NONE),
        (row(version=None, payload=None), Outcome.KHALA_MISSING),
        (row(version=2), Outcome.LAG_DRIFT),
        (row(version=4), Outcome.LAG_DRIFT),
        (row(payload=OTHER), Outcome.SUMMARY_HASH_MISMATCH),
        (row(payload=None), Outcome.SUMMARY_HASH_MISMATCH),
        (row(payload="[not a summary"), Outcome.SUMMARY_HASH_MISMATCH),
        (row(version=2, payload=OTHER), Outcome.HASH_AND_LAG_DRIFT),
        (row(projection="unheard_of"), Outcome.UNSUPPORTED_PROJECTION),
    ],
)
def test_each_way_to_disagree_has_its_word(given_row: Row, outcome: Outcome) -> None:
    """The words are those of the runtime's auditor."""
    audit = compare([given_row], summary_matches, PROJECTIONS)

    assert audit.counts == {outcome: 1}
    assert audit.mismatches == (outcome is not Outcome.NONE)
    assert list(audit.disagreeing) == ([] if outcome is Outcome.NONE else ["d"])


def test_nothing_compared_has_no_rate() -> None:
    """Clean is not the same as nothing compared: where the auditor says 0.0, the drill says nothing."""
    assert compare([], summary_matches, PROJECTIONS).mismatch_rate is None


def test_names_are_kept_only_up_to_a_limit() -> None:
    """A lane that is wholly wrong is counted to the last document, and takes no more memory than others."""
    rows = (row(version=None, payload=None, document=f"d{number}") for number in range(KEPT + 7))
    audit = compare(rows, summary_matches, PROJECTIONS)

    assert (audit.mismatches, len(audit.disagreeing)) == (KEPT + 7, KEPT)


def test_a_second_look_counts_for_the_documents_that_it_saw() -> None:
    """What was on its way at the first look counts as it was found later, what was not looked at as it was."""
    first = compare(
        [row(document="calm"), row(version=2, document="late"), row(version=None, payload=None, document="gone")],
        summary_matches,
        PROJECTIONS,
    )
    second = first.seen_again(compare([row(document="late")], summary_matches, PROJECTIONS))

    assert second == Audit({Outcome.NONE: 2})


@given(COUNTS, COUNTS, st.integers(1, 50))
def test_the_distance_lies_between_equal_and_nothing_in_common(
    one: dict[str, float], other: dict[str, float], factor: int
) -> None:
    """It is symmetric, 0 for equal shares however many were counted, and never above 1."""
    there, back = distance(one, other), distance(other, one)

    assert there is not None
    assert there == pytest.approx(back)
    assert 0 <= there <= 1 + 1e-9
    assert distance(one, {name: count * factor for name, count in one.items()}) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_what_has_nothing_in_common_is_one() -> None:
    """An auditor that calls every document a match where none is one is as far away as can be."""
    assert distance({Outcome.NONE: 9}, {Outcome.LAG_DRIFT: 3}) == 1
    assert distance({Outcome.NONE: 3, Outcome.LAG_DRIFT: 1}, {Outcome.NONE: 4}) == 0.25
    assert distance({}, {Outcome.NONE: 1}) is None
