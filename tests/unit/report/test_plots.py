"""Metric pictures: the same bytes for the same data, small, and nothing in them about the machine."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drills.report.curves import Line, Marker, PlotSpec, Shade, Threshold
from drills.report.plots import SIZE_LIMIT, plot_metric

START = datetime(2026, 2, 20, 14, 3, 12, tzinfo=UTC)
PANEL = (252, 253, 254, 255)


def at(seconds: float) -> datetime:
    """Return the moment this many seconds after the start."""
    return START + timedelta(seconds=seconds)


def a_spec(threshold: Threshold | None = None, title: str = "Parity mismatch rate") -> PlotSpec:
    """Return a picture with two lines, a gap, switches close together and disturbances."""
    rate = Line("rolling", tuple((at(n), None if 14 <= n < 17 else 0.003 + 0.001 * math.sin(n)) for n in range(41)))
    cycle = Line("per cycle", tuple((at(n), 0.002) for n in range(41) if not 22 < n < 27))
    markers = tuple(Marker(at(3 + n * n / 6), f"switch {n}: false → true") for n in range(12))
    return PlotSpec(title, "ratio", (rate, cycle), threshold, markers, (Shade(at(9), at(14), "rollback"),))


LIMIT = Threshold(0.01, "<", "gate")


def pixels(picture: bytes) -> Image.Image:
    """Return a picture as red, green, blue, alpha."""
    with Image.open(BytesIO(picture)) as opened:
        return opened.convert("RGBA")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_equal_data_gives_equal_bytes_in_another_process(kind: str, tmp_path: Path) -> None:
    """The hash of a picture can be computed again elsewhere, whatever that user's own settings are."""
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 20\n", "utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_plots import *;"
        "sys.stdout.buffer.write(plot_metric(a_spec(LIMIT), format=sys.argv[2]))"
    )
    here = Path(__file__)
    environment = os.environ | {"PYTHONPATH": str(here.parents[3]), "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    elsewhere = subprocess.run(
        [sys.executable, "-c", script, str(here.parent), kind],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
    )
    assert elsewhere.stdout == plot_metric(a_spec(LIMIT), format="svg" if kind == "svg" else "png")


def test_other_data_gives_other_bytes() -> None:
    """A picture shows its data."""
    assert plot_metric(a_spec(LIMIT)) != plot_metric(a_spec(Threshold(0.02, "<", "gate")))


def test_a_picture_says_nothing_about_the_machine() -> None:
    """No software, version, date or path is written into a file."""
    picture, drawing = plot_metric(a_spec(LIMIT)), plot_metric(a_spec(LIMIT), format="svg").decode()
    with Image.open(BytesIO(picture)) as opened:
        assert set(opened.info) <= {"transparency", "dpi"}
    assert b"atplotlib" not in picture
    assert [word for word in ("Matplotlib v", "<dc:date>", "matplotlib.org", str(Path.cwd())) if word in drawing] == []


def test_a_busy_picture_is_small() -> None:
    """A day of noisy seconds with thirty switches stays below 80 KB."""
    noise = random.Random(1)  # noqa: S311 - noise in a picture
    lines = tuple(Line(f"line {n}", tuple((at(s), noise.random()) for s in range(0, 86_400, 4))) for n in range(3))
    markers = tuple(Marker(at(2_500 * n), f"switch {n}: dual → convex-only") for n in range(30))
    picture = plot_metric(PlotSpec("Busy", "ms", lines, Threshold(0.5, "<=", "lane target"), markers, ()))
    assert len(picture) <= SIZE_LIMIT


def test_the_panel_is_light_and_its_corners_are_nothing() -> None:
    """On a dark page the picture is a light card with round corners."""
    picture = pixels(plot_metric(a_spec(LIMIT)))
    width, height = picture.size
    assert [picture.getpixel((x, y)) for x in (0, width - 1) for y in (0, height - 1)] == [(0, 0, 0, 0)] * 4
    assert picture.getpixel((width // 2, 60)) == PANEL


def test_the_forbidden_side_is_tinted() -> None:
    """One sees without reading which side of the limit is the wrong one."""

    def tinted(threshold: Threshold) -> float:
        red, _, blue, _ = np.moveaxis(np.asarray(pixels(plot_metric(a_spec(threshold))), dtype=int), 2, 0)
        return float(np.mean(red - blue > 8))

    assert tinted(Threshold(0.002, "<", "gate")) > tinted(Threshold(0.01, "<", "gate")) > 0.01
    assert tinted(Threshold(0.01, ">", "gate")) > tinted(Threshold(0.002, ">", "gate"))


def test_a_line_at_zero_is_as_thick_as_any() -> None:
    """What a green gate draws runs along the axis, and is not hidden by it."""

    def thickness(value: float) -> int:
        line = Line("p95", tuple((at(n), value) for n in range(60)))
        picture = np.asarray(pixels(plot_metric(PlotSpec("Lag", "events", (line,), LIMIT))), dtype=int)
        column = picture[:, int(picture.shape[1] * 0.53), :3]
        return int(np.sum(np.abs(column - (0, 114, 178)).sum(axis=1) < 90))

    assert thickness(0.0) == thickness(0.005) >= 3


@pytest.mark.parametrize(
    "spec",
    [
        PlotSpec("Nothing at all", "ms", ()),
        PlotSpec("No samples", "ms", (Line("p95", ()),), Threshold(1500, "<=", "lane target")),
        PlotSpec("Only gaps", "ms", (Line("p95", ((START, None), (at(1), math.nan))),)),
        PlotSpec("One sample", "ms", (Line("p95", ((START, 3.0),)),)),
        PlotSpec(
            "Infinite", "ms", (Line("p95", ((START, 3.0), (at(1), math.inf))),), Threshold(5, "<=", "lane target")
        ),
        PlotSpec(
            "$\\frac{$ \x1b[31m 日本 \u202e",
            "$x$",
            (Line("$", ((START, 1.0), (at(1), 2.0))),),
            None,
            (Marker(at(0), "_^$"),),
        ),
        PlotSpec("Many", "ms", (), None, tuple(Marker(at(n), f"switch {n}") for n in range(40))),
    ],
    ids=lambda spec: spec.title.split(" ")[0],
)
def test_odd_data_is_drawn_without_a_warning(spec: PlotSpec) -> None:
    """Whatever a metric does, and whatever its labels hold, there is a picture."""
    assert pixels(plot_metric(spec)).size[0] > 500
    assert plot_metric(spec, format="svg").startswith(b"<?xml")
