"""CSV files hold data; a spreadsheet that opens one runs nothing."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence.tables import csv_table


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0", "\uff1d1+1"])
def test_text_that_looks_like_a_formula_is_neutralised(text: str) -> None:
    """An apostrophe in front, which spreadsheets do not show, in headers and in cells."""
    rows = list(csv.reader(io.StringIO(csv_table([text], [[text]]).decode(), newline="")))

    assert rows == [[f"'{text}"], [f"'{text}"]]


def test_numbers_stay_numbers() -> None:
    """A negative number is no formula, and what is missing is an empty cell."""
    assert csv_table(["reason", "count"], [["none", -1.5], [None, 3]]) == b"reason,count\r\nnone,-1.5\r\n,3\r\n"


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5))
def test_any_text_is_read_back_from_the_same_cell(rows: list[list[str]]) -> None:
    """Quotes, commas and line ends in text do not move a cell."""
    read = list(csv.reader(io.StringIO(csv_table(["a", "b"], rows).decode(), newline="")))[1:]

    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
