from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drills.staging.sinks import JournalRow
from drills.staging.stream import Bounds
from drills.staging.subscriptions import StaleTopic, cut, read_subscribe, stale_topics


def row(watermark: int, size: int | None) -> JournalRow:
    """Return a stream row with a payload of ``size`` bytes."""
    payload = None if size is None else b"x" * size
    return JournalRow("t", watermark, "d", watermark, payload, "sha256:00", datetime.now(UTC))


@pytest.mark.parametrize(("oldest", "floor"), [(0, 0), (1, 0), (2, 1), (8, 7)])
def test_the_floor_is_just_below_the_oldest_row(oldest: int, floor: int) -> None:
    """A cursor at the floor misses nothing."""
    assert Bounds(oldest, 9).floor == floor


@pytest.mark.parametrize(("cursor", "stale"), [(0, True), (3, True), (4, False), (9, False), (10, True)])
def test_a_cursor_is_stale_outside_what_is_retained(cursor: int, stale: bool) -> None:  # noqa: FBT001 - a row of the table
    """Below the floor rows are gone, above the head they are of another history; both name the floor."""
    expected = (StaleTopic("t", cursor, 4),) if stale else ()

    assert stale_topics({"t": cursor, "elsewhere": 0}, {"t": Bounds(5, 9)}) == expected


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [([], 0), ([10], 1), ([5, 5], 2), ([5, 6], 1), ([99, 1], 1), ([1, 99], 1), ([None, 10, None, 1], 3)],
)
def test_a_batch_is_cut_by_bytes_and_never_empty(sizes: list[int | None], fit: int) -> None:
    """Rows go into a batch until its bytes are full; one that is too large alone goes alone."""
    rows = [row(place, size) for place, size in enumerate(sizes)]

    assert list(cut(rows, maximum_bytes=10)) == rows[:fit]


def test_both_forms_of_a_cursor_are_one() -> None:
    """A map and a list of topic and watermark read the same; null is no cursor."""
    listed = [{"topic": "a", "watermark": 1}, {"topic": "b", "watermark": 2}]
    forms = [read_subscribe({"topics": ["a"], "resume_after": form}) for form in ({"a": 1, "b": 2}, listed, None)]

    assert [dict(form.resume_after) for form in forms] == [{"a": 1, "b": 2}, {"a": 1, "b": 2}, {}]
