"""CSV that a spreadsheet shows as data: no cell is ever run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from drills.evidence.records import Scalar

#: What spreadsheets take for the start of a formula (OWASP, CSV injection), full-width forms included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_table(header: Sequence[str], rows: Iterable[Sequence[Scalar]]) -> bytes:
    """Return a CSV file (RFC 4180, UTF-8). Numbers stay numbers, ``None`` is an empty cell, text is inert."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([_inert(name) for name in header])
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return file.getvalue().encode("utf-8", "replace")


def _inert(cell: Scalar) -> Scalar:
    """Return the cell as data: an apostrophe, which spreadsheets do not show, keeps text from being a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
