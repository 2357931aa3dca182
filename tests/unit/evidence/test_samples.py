"""Samples in a record: all of them, in as few bytes as series that were scraped together need."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drills.evidence.records import Samples, Series

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
RHYTHMS = st.sampled_from([(), (1.0, 2.0), (1.0, 2.5), (3.0, math.inf)])


def samples(*series: Series) -> Samples:
    """Return the samples of ``series``."""
    return Samples(source="s", started_at=MOMENT, finished_at=MOMENT, interval_seconds=1, series=series)


def a_series(name: str, times: tuple[float, ...]) -> Series:
    """Return a series with a value at each of ``times``."""
    return Series(metric=name, times=times, values=tuple(float(at) for at in times))


@given(st.lists(RHYTHMS))
def test_what_is_written_is_read_again(rhythms: list[tuple[float, ...]]) -> None:
    """Whichever series share their times, each has its own again."""
    whole = samples(*(a_series(f"m{place}", times) for place, times in enumerate(rhythms)))

    assert Samples.model_validate_json(whole.model_dump_json()) == whole
    assert Samples.model_validate(whole.model_dump(mode="json")) == whole


def test_times_that_are_shared_are_written_once() -> None:
    """The others name the first series that has them."""
    written = json.loads(
        samples(*(a_series(name, (1.0, 2.0)) for name in "abc"), a_series("d", (3.0,))).model_dump_json()
    )

    assert [one["times"] for one in written["series"]] == [[1.0, 2.0], 0, 0, [3.0]]


def test_records_of_before_can_be_read() -> None:
    """Every series with its own times is a record too."""
    whole = samples(a_series("a", (1.0,)), a_series("b", (1.0,)))
    document: dict[str, Any] = json.loads(whole.model_dump_json())
    document["series"][1]["times"] = [1.0]

    assert Samples.model_validate(document) == whole


@pytest.mark.parametrize("place", [-1, 1, 2, 7, True, 0.5, "0", None])
def test_a_reference_to_nothing_is_refused(place: object) -> None:
    """To a series that is not there, to itself, to one that refers on, or not by a place."""
    document: dict[str, Any] = json.loads(samples(*(a_series(name, (1.0,)) for name in "abc")).model_dump_json())
    document["series"][1]["times"] = place

    with pytest.raises(ValidationError):
        Samples.model_validate(document)
