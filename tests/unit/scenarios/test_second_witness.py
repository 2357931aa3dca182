from __future__ import annotations

from datetime import UTC, datetime

from drills.evidence.records import Samples, Series
from drills.scenarios.second_witness import BUCKETS, COUNTS, Told, told_by

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def samples(*series: Series) -> Samples:
    """Return samples of a server."""
    return Samples(source="test", started_at=MOMENT, finished_at=MOMENT, interval_seconds=1, series=series)


def series(metric: str, values: tuple[float, ...], first: float = 10.0, **labels: str) -> Series:
    """Return a series with a reading each second."""
    times = tuple(first + second for second in range(len(values)))
    return Series(metric=metric, labels=labels, times=times, values=values)


def test_only_what_grew_is_told() -> None:
    """What was counted before the first sample is not; a series that appears later began at zero; so does a restart."""
    told = told_by(
        samples(
            series(COUNTS, (5, 7, 9), status="ok"),
            series(COUNTS, (2,), 12.0, status="stale_cursor"),
            series(COUNTS, (8, 1, 3), status="ok", instance="b"),
            series(BUCKETS, (1, 1, 1), status="ok", le="10"),
            series(BUCKETS, (5, 7, 105), status="ok", le="100"),
            series(BUCKETS, (5, 7, 105), status="ok", le="+Inf"),
        )
    )

    assert told == Told(since=10.0, caught_up=4 + 3, stale=2, median=55.0, p95=95.5)


def test_no_samples_tell_nothing() -> None:
    """Without any series the server's word is missing, which is not the same as none counted."""
    assert told_by(samples()) is None


def test_an_empty_histogram_has_no_p95() -> None:
    """Counters that stood still give counts of zero and no quantile."""
    told = told_by(samples(series(COUNTS, (4, 4), status="ok"), series(BUCKETS, (4, 4), status="ok", le="+Inf")))

    assert told == Told(since=10.0, caught_up=0, stale=0, median=None, p95=None)
