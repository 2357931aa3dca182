"""What the drill's own clients measured."""

from __future__ import annotations

import time

from drills.target.khala.figures import Figures, Kind


def test_what_is_handed_out_does_not_grow() -> None:
    """Counts, checks and the published table of one moment agree, though the clients go on measuring."""
    figures = Figures()
    figures.took("cohort", Kind.CATCH_UP, time.monotonic())
    so_far = figures.so_far()
    figures.took("cohort", Kind.CATCH_UP, time.monotonic())
    figures.failures.append("late")

    assert (so_far.count(Kind.CATCH_UP), len(so_far.measurements), so_far.failures) == (1, 1, [])
    assert figures.count(Kind.CATCH_UP) == 2
