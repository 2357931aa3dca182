"""Metric pictures for a report. The only importer of Matplotlib (and of Pillow, which it brings): figures, no pyplot.

A picture brings its own light panel, so that it reads the same on GitHub's light and dark pages. Colours are Okabe and
Ito's, told apart by every kind of colour vision; lines differ in their dashes too. The same data gives the same bytes:
no date, no version and no path is written, and the font is Matplotlib's own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from PIL import Image

from drills.report.curves import (
    Line,
    Marker,
    PlotSpec,
    Threshold,
    beyond,
    bounds,
    rows_for,
    segments,
    span,
    ticks,
    worst,
)
from drills.report.markdown import plain
from drills.report.wording import clip, count, figure, quantity, second, sign

#: GitHub shows a report with its pictures at once; a picture above this is drawn smaller.
SIZE_LIMIT = 80_000
_RESOLUTIONS = (160, 130, 100, 72)
_FONT = "DejaVu Sans"
#: Inches.
_WIDTH, _LEFT, _RIGHT, _PLOT, _HEAD, _AXIS, _ROW, _BUBBLES = 9.0, 0.78, 0.32, 2.6, 0.82, 0.62, 0.23, 0.2
_COLUMNS, _LABEL, _SHOWN_MARKERS = 3, 34, 30
#: A line at zero runs along the axis, which must not hide it.
_ABOVE_AXES = 4
_INK, _SOFT, _GRID, _PANEL, _EDGE = "#1f2328", "#59636e", "#e4e8ec", "#fcfdfe", "#c9d1d9"
_LIMIT, _DISTURBED = "#b84a00", "#dfe4e9"
#: Okabe and Ito's palette without yellow (too light on paper) and vermilion (kept for the limit).
_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES = ("solid", (0, (6, 2)), (0, (2, 1.5)), "dashdot", (0, (1, 1)), "solid")
#: The last colour of the palette, which is none.
_NOTHING = 255
_MINUTES, _DAYS = timedelta(minutes=10), timedelta(days=1)


def plot_metric(spec: PlotSpec, *, format: Literal["png", "svg"] = "png") -> bytes:  # noqa: A002 - Matplotlib's word
    """Return the picture as a PNG of at most 80 KB or as an SVG; the same ``spec`` gives the same bytes."""
    with _settings():
        if format == "svg":
            return _written(spec, "svg", _RESOLUTIONS[0])
        picture = b""
        for resolution in _RESOLUTIONS:
            picture = _written(spec, "png", resolution)
            if len(picture) <= SIZE_LIMIT:
                break
        return picture


@contextmanager
def _settings() -> Iterator[None]:
    """Draw by these settings, whatever the user's own file says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": _FONT,
                "font.size": 9,
                "svg.hashsalt": "drills",
                "text.parse_math": False,
                "hatch.linewidth": 0.5,
                "timezone": "UTC",
            }
        )
        yield


def _written(spec: PlotSpec, kind: Literal["png", "svg"], resolution: int) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None, "Format": None, "Type": None}
    _figure(spec).savefig(buffer, format=kind, dpi=resolution, transparent=True, metadata=metadata)
    return _palette(buffer) if kind == "png" else buffer.getvalue()


def _palette(picture: io.BytesIO) -> bytes:
    """Return the picture with 256 colours, one of them nothing at all: a third of the bytes, the same to the eye."""
    buffer = io.BytesIO()
    with Image.open(picture) as full:
        shape = full.getchannel("A")
        opaque = Image.new("RGB", full.size, _PANEL)
        opaque.paste(full, mask=shape)
    few = opaque.quantize(_NOTHING, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = few.getpalette() or []
    few.putpalette([*colours, *[0] * (3 * (_NOTHING + 1) - len(colours))])
    few.paste(_NOTHING, mask=shape.point([255] * 128 + [0] * 128))
    few.save(buffer, "png", optimize=True, transparency=_NOTHING)
    return buffer.getvalue()


def _figure(spec: PlotSpec) -> Figure:
    markers = sorted(spec.markers, key=lambda marker: marker.at)[:_SHOWN_MARKERS]
    start, end = span(spec)
    width = _WIDTH - _LEFT - _RIGHT
    rows = rows_for([(marker.at - start) / (end - start) * width for marker in markers], _BUBBLES)
    notes = _notes(spec)
    entries = -(-len(markers) // _COLUMNS)
    bottom = _AXIS + _ROW * (entries + len(notes)) + 0.14
    height = _HEAD + _BUBBLES * (max(rows, default=-1) + 1) + _PLOT + bottom
    drawing = Figure(figsize=(_WIDTH, height))
    FigureCanvasAgg(drawing)
    _panel(drawing, height)
    axes = drawing.add_axes((_LEFT / _WIDTH, bottom / height, width / _WIDTH, _PLOT / height))
    _axes(axes, spec, start, end)
    _head(drawing, spec, height)
    _numbers(axes, markers, rows)
    _legend(drawing, markers, notes, bottom - _AXIS, height)
    return drawing


def _panel(drawing: Figure, height: float) -> None:
    panel = FancyBboxPatch(
        (0.02, 0.02),
        _WIDTH - 0.04,
        height - 0.04,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=_PANEL,
        edgecolor=_EDGE,
        linewidth=1,
        transform=drawing.dpi_scale_trans,
        zorder=-10,
    )
    drawing.add_artist(panel)


def _axes(axes: Axes, spec: PlotSpec, start: datetime, end: datetime) -> None:
    lowest, highest = bounds(spec)
    axes.set_facecolor("none")
    axes.set_xlim(start.timestamp(), end.timestamp())
    axes.set_ylim(lowest, highest)
    _time_axis(axes, spec, start, end)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
    axes.set_ylabel(_drawable(spec.unit), color=_SOFT)
    axes.tick_params(colors=_SOFT, length=3, labelsize=8.5)
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_EDGE)
    for shade in spec.shaded:
        axes.axvspan(
            shade.start.timestamp(), shade.end.timestamp(), color=_DISTURBED, alpha=0.75, linewidth=0, zorder=0.5
        )
    for number, line in enumerate(spec.lines):
        _line(axes, line, number, highest)
    if spec.threshold:
        _threshold(axes, spec.threshold, spec.unit)
    if not any(segments(line.points) or beyond(line.points) for line in spec.lines):
        axes.text(0.5, 0.5, "no samples", transform=axes.transAxes, ha="center", va="center", color=_SOFT, size=13)


def _time_axis(axes: Axes, spec: PlotSpec, start: datetime, end: datetime) -> None:
    if not spec.moments:
        axes.set_xticks([])
        axes.set_xlabel("time (UTC)", color=_SOFT)
        return
    length = end - start
    wording = "%H:%M:%S" if length < _MINUTES else "%H:%M" if length < _DAYS else "%m-%d %H:%M"
    axes.xaxis.set_major_locator(FixedLocator([tick.timestamp() for tick in ticks(start, end)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):{wording}}"))
    axes.set_xlabel(f"time (UTC), {start.astimezone(UTC):%Y-%m-%d}", color=_SOFT)


def _line(axes: Axes, line: Line, number: int, highest: float) -> None:
    colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
    # Drawn without data first: a line of which nothing was observed still stands in the legend.
    axes.plot([], [], color=colour, linestyle=dash, linewidth=1.8, label=_drawable(clip(line.name, _LABEL)))
    for run in segments(line.points):
        times, values = [at.timestamp() for at, _ in run], [value for _, value in run]
        dot = "o" if len(run) == 1 else ""
        axes.plot(
            times,
            values,
            color=colour,
            linestyle=dash,
            linewidth=1.8,
            marker=dot,
            markersize=3.5,
            clip_on=False,
            zorder=_ABOVE_AXES,
        )
    for at in beyond(line.points):
        axes.plot([at.timestamp()], [highest], color=colour, marker="^", markersize=6, clip_on=False)


def _threshold(axes: Axes, threshold: Threshold, unit: str) -> None:
    lowest, highest = axes.get_ylim()
    beyond_it = (threshold.value, highest) if threshold.upper else (lowest, threshold.value)
    axes.axhspan(*beyond_it, facecolor=_LIMIT, alpha=0.09, linewidth=0, zorder=0.6)
    axes.axhspan(*beyond_it, facecolor="none", edgecolor=_LIMIT, alpha=0.16, hatch="///", linewidth=0, zorder=0.6)
    axes.axhline(threshold.value, color=_LIMIT, linewidth=1.4, zorder=3)
    said = f"{threshold.label}: {sign(threshold.relation)} {quantity(threshold.value, unit)}"
    axes.annotate(
        _drawable(clip(said, 2 * _LABEL)),
        (1, threshold.value),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3 if threshold.upper else -3),
        textcoords="offset points",
        ha="right",
        va="bottom" if threshold.upper else "top",
        color=_LIMIT,
        size=8.5,
        weight="bold",
        zorder=_ABOVE_AXES,
        bbox={"facecolor": _PANEL, "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def _head(drawing: Figure, spec: PlotSpec, height: float) -> None:
    drawing.text(0.2 / _WIDTH, 1 - 0.3 / height, _drawable(clip(spec.title, 60)), size=13, weight="bold", color=_INK)
    drawing.text(0.2 / _WIDTH, 1 - 0.52 / height, _drawable(_standing(spec)), size=9, color=_SOFT)
    if spec.lines:
        drawing.legend(
            loc="upper right",
            bbox_to_anchor=(1 - 0.14 / _WIDTH, 1 - 0.1 / height),
            ncols=min(len(spec.lines), 2),
            frameon=False,
            labelcolor=_INK,
            fontsize=8.5,
            handlelength=2.6,
        )


def _standing(spec: PlotSpec) -> str:
    value, threshold = worst(spec), spec.threshold
    if value is None or threshold is None:
        return "no value was observed" if threshold else ""
    margin = threshold.value - value if threshold.upper else value - threshold.value
    distance = f"margin {quantity(margin, spec.unit)}" if margin >= 0 else f"{quantity(-margin, spec.unit)} beyond it"
    return f"worst {quantity(value, spec.unit)} · limit {quantity(threshold.value, spec.unit)} · {distance}"


def _numbers(axes: Axes, markers: Sequence[Marker], rows: Sequence[int]) -> None:
    for number, (marker, row) in enumerate(zip(markers, rows, strict=True), start=1):
        place = marker.at.timestamp()
        axes.axvline(place, color=_SOFT, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
        top = 1 + _BUBBLES * (row + 0.6) / _PLOT
        _bubble(axes.text(place, top, str(number), transform=axes.get_xaxis_transform()))


def _bubble(number: Text) -> None:
    number.set(ha="center", va="center", size=7 if len(number.get_text()) == 1 else 5.5, weight="bold", color="#ffffff")
    number.set_bbox({"boxstyle": "circle,pad=0.25", "facecolor": _SOFT, "edgecolor": "none"})


def _legend(drawing: Figure, markers: Sequence[Marker], notes: Sequence[str], top: float, height: float) -> None:
    rows = -(-len(markers) // _COLUMNS)
    column = (_WIDTH - 0.5) / _COLUMNS
    for index, marker in enumerate(markers):
        left, line = 0.32 + column * (index // rows), (top - _ROW * (index % rows + 0.5)) / height
        said = f"{second(marker.at)}  {clip(plain(marker.label), _LABEL)}"
        _bubble(drawing.text(left / _WIDTH, line, str(index + 1)))
        drawing.text((left + 0.17) / _WIDTH, line, _drawable(said), va="center", size=8.5, color=_INK)
    for index, note in enumerate(notes, start=rows):
        line = (top - _ROW * (index + 0.5)) / height
        drawing.text(0.22 / _WIDTH, line, _drawable(note), va="center", size=8.5, color=_SOFT)


def _notes(spec: PlotSpec) -> tuple[str, ...]:
    more = len(spec.markers) - _SHOWN_MARKERS
    reasons = ", ".join(dict.fromkeys(plain(shade.label) for shade in spec.shaded))
    notes = (
        f"and {count(more, 'later moment')} not marked" if more > 0 else "",
        f"Shaded: {clip(reasons, 110)}" if reasons else "",
        "▲ beyond the largest bucket" if any(beyond(line.points) for line in spec.lines) else "",
        "Where there is no line, nothing was observed, or too little to judge."
        if any(value is None for line in spec.lines for _, value in line.points)
        else "",
    )
    return tuple(note for note in notes if note)


def _drawable(text: str) -> str:
    """Return ``text`` with a box for what the font does not have: Matplotlib would warn, and draw one anyway."""
    return "".join(char if ord(char) in _glyphs() else "□" for char in plain(text))


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(_FONT)).get_charmap())
