"""The gold report in a real browser, wide and narrow, light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import cmarkgfm  # type: ignore[import-untyped]  # it ships none
import pytest
from playwright.sync_api import sync_playwright

from drills.report.curves import Line, Marker, PlotSpec, Threshold
from drills.report.plots import plot_metric
from drills.target import chromium

HERE = Path(__file__).parent
GOLD = HERE.parents[1] / "gold" / "drill_report.md"
FOLDER = "2026-02-20-khala-cutover"
START = datetime(2026, 2, 20, 14, 3, 12, tzinfo=UTC)
WIDE, NARROW = 1280, 400
MEASURE = """
() => ({
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  tables: [...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth).length,
  pictures: [...document.images].filter(i => i.naturalWidth > 0 && i.src.includes('/metrics/')).length,
  verdict: document.querySelector('blockquote').getBoundingClientRect().bottom,
  opened: document.querySelectorAll('details[open]').length,
  details: document.querySelectorAll('details').length,
})
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser measured on the page. Lengths are CSS pixels."""

    overflow: int
    tables: int
    pictures: int
    verdict: float
    opened: int
    details: int


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gold report as a page, with pictures where it expects them."""
    folder = tmp_path_factory.mktemp("report")
    metrics = folder / FOLDER / "metrics"
    metrics.mkdir(parents=True)
    points = tuple((START + timedelta(seconds=n), 0.004 + 0.003 * math.sin(n / 5)) for n in range(40))
    marker = Marker(START + timedelta(seconds=9), "web: true → false")
    for name, title in (("mismatch-rate", "Parity mismatch rate"), ("lag-drift", "Lag drift p95")):
        spec = PlotSpec(title, "ratio", (Line("rolling", points),), Threshold(0.01, "<", "gate"), (marker,))
        (metrics / f"{name}.png").write_bytes(plot_metric(spec))
    options = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    body = cmarkgfm.markdown_to_html_with_extensions(GOLD.read_text("utf-8"), options=options, extensions=["table"])
    style = (HERE / "github.css").read_text("utf-8")
    shown = folder / "report.html"
    shown.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style><main>{body}</main>", "utf-8")
    return shown


@pytest.fixture(scope="module")
def own_thread() -> Iterator[ThreadPoolExecutor]:
    """A thread of its own: Playwright takes one event loop per thread, and other tests keep theirs in this one."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def look(page: Path, width: int, scheme: Literal["light", "dark"]) -> Seen:
    """Open the page, keep a picture of it beside it, and measure it."""
    choice = chromium.find()
    assert choice is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=choice.executable, args=chromium.launch_arguments())
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.goto(page.as_uri())
        tab.screenshot(path=page.with_name(f"report-{width}-{scheme}.png"), full_page=True)
        measured = Seen(**tab.evaluate(MEASURE))
        browser.close()
    return measured


@pytest.mark.skipif(chromium.find() is None, reason="no browser on this machine")
@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_a_report_fits_the_page_of_a_desk_and_of_a_phone(
    page: Path, own_thread: ThreadPoolExecutor, width: int, scheme: Literal["light", "dark"]
) -> None:
    """Nothing is cut off: wide tables scroll inside themselves, pictures are scaled and load."""
    seen = own_thread.submit(look, page, width, scheme).result()
    assert (seen.overflow, seen.tables, seen.pictures) == (0, 0, 2)


@pytest.mark.skipif(chromium.find() is None, reason="no browser on this machine")
def test_a_reader_gets_the_verdict_without_scrolling(page: Path, own_thread: ThreadPoolExecutor) -> None:
    """Decision, verdict and what is wrong are on the first screen; the details are folded."""
    seen = own_thread.submit(look, page, WIDE, "dark").result()
    assert seen.verdict < 600
    assert (seen.opened, seen.details > 8) == (0, True)
