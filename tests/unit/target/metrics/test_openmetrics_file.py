"""Files of samples: what is in them is read, whatever its order; what may be missing is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drills.errors import MetricsUnavailable
from drills.target.metrics.openmetrics import OpenMetricsFile
from drills.target.metrics.settings import OpenMetricsSettings

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = int(BEGAN.timestamp())


def opened(path: Path, *lines: str, end: str = "# EOF\n", interval: float | None = None) -> OpenMetricsFile:
    """Write ``lines`` to a file, each ``{n}`` in them as a moment, and read it."""
    text = "".join(f"{line}\n" for line in lines) + end
    for seconds in range(0, 100, 5):
        text = text.replace(f"@{seconds}\n", f"{FIRST + seconds}\n")
    (path / "samples.om").write_text(text)
    return OpenMetricsFile(OpenMetricsSettings(kind="openmetrics", path=path / "samples.om", interval_seconds=interval))


def test_the_order_of_lines_and_their_kinds_do_not_matter(tmp_path: Path) -> None:
    """By series as servers dump them, or moment by moment as the format wants: each line is a sample."""
    read = opened(
        tmp_path,
        "# TYPE took histogram",
        'took_bucket{le="1.0"} 1 @0',
        'took_bucket{le="+Inf"} 2 @0',
        'took_bucket{le="1.0"} 3 @5',
        'took_bucket{le="+Inf"} 4 @5',
        'done_total{text="a } # \\" b"} 7 @5',
    )
    found = read.samples(("took_bucket", "done_total"), BEGAN, BEGAN + timedelta(minutes=1))

    assert {(one.metric, tuple(one.labels.values())): one.values for one in found.series} == {
        ("done_total", ('a } # " b',)): (7.0,),
        ("took_bucket", ("1.0",)): (1.0, 3.0),
        ("took_bucket", ("+Inf",)): (2.0, 4.0),
    }
    assert (read.end, found.source) == (BEGAN + timedelta(seconds=5), "samples.om")


def test_the_interval_is_what_was_said_or_the_usual_step(tmp_path: Path) -> None:
    """A lost scrape does not make the others look rarer; one sample has no step, which no gate passes on."""
    lines = [f"done_total {seconds} @{seconds}" for seconds in (0, 5, 10, 15, 30, 35)]

    def interval(*written: str, said: float | None = None) -> float:
        found = opened(tmp_path, *written, interval=said)
        return found.samples((), BEGAN, BEGAN).interval_seconds

    assert (interval(*lines), interval(*lines, said=30), interval(lines[0])) == (5.0, 30.0, 0.0)


@pytest.mark.parametrize(
    ("lines", "end", "words"),
    [
        (("done_total 1 @0",), "", "may have been cut off"),
        (("done_total 1",), "# EOF\n", "done_total has no time"),
        (("<html>",), "# EOF\n", "is not OpenMetrics"),
        ((), "# EOF\n", "holds no samples"),
    ],
    ids=["cut", "timeless", "page", "empty"],
)
def test_what_is_not_a_whole_file_of_samples_is_refused(
    tmp_path: Path, lines: tuple[str, ...], end: str, words: str
) -> None:
    """Half a file would be judged as if the other half had been good."""
    with pytest.raises(MetricsUnavailable, match=words) as caught:
        opened(tmp_path, *lines, end=end)
    assert "# EOF" in caught.value.remedy
