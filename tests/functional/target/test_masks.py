"""No picture shows what the profile masks, on whatever page and however late it appears."""

from __future__ import annotations

import functools
import http.server
import io
import re
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from drills.target.browser import DrillBrowser
from drills.target.chromium import find, launch_arguments
from drills.target.profile import Console, Profile, parse_profile

ROOT = Path(__file__).parents[3]
SECRET = "canary-on-the-screen"  # noqa: S105 - a word that must not be seen
#: Stripes behind everything: a place that is not masked is never of one colour.
PAGE = f"""<!doctype html><body data-worker-id=w style="margin:0;width:900px;height:1700px;
  background:repeating-linear-gradient(45deg,#fff 0 3px,#07c 3px 6px)">
<style>.place {{ position:absolute; left:40px; width:300px; height:60px; font:30px monospace; color:#c00; }}</style>
<input type=password value="{SECRET}" class=place style="top:40px;background:transparent">
<div class="place private" style="top:140px">{SECRET}</div>
<div id=host class=place style="top:240px"></div>
<iframe class=place style="top:340px;border:0" srcdoc="<body class=private style='margin:0;font:30px monospace;
  background:repeating-linear-gradient(45deg,#fff 0 3px,#0a0 3px 6px)'>{SECRET}</body>"></iframe>
<div class="place late" style="top:440px"></div>
<div class="place private below" style="top:1500px">{SECRET}</div>
<div class=place style="top:540px" id=open>{SECRET}</div>
<script>
document.querySelector("#host").attachShadow({{mode: "open"}}).innerHTML =
  "<div class=private style='width:300px;height:60px'>{SECRET}</div>";
setInterval(() => {{
  const late = document.createElement("div");
  late.className = "private";
  late.textContent = "{SECRET}";
  document.querySelector(".late").replaceChildren(late);
}}, 1);
</script>"""
MASKED = {"password": 40, "element": 140, "shadow": 240, "frame": 340}
LATE, OPEN, BELOW = 440, 540, 1500


def _has_words(picture: bytes, top: int) -> bool:
    """Tell whether anything in the colour of the words is to be seen at ``top``."""
    with Image.open(io.BytesIO(picture)) as image:
        place = image.convert("RGB").crop((40, top, 340, top + 60)).tobytes()
    pixels = zip(place[0::3], place[1::3], place[2::3], strict=True)
    return any(red > 150 and green < 90 and blue < 90 for red, green, blue in pixels)


def _colours(picture: bytes, top: int) -> int:
    """Return how many colours there are in the inner part of the place at ``top``."""
    with Image.open(io.BytesIO(picture)) as image:
        place = image.convert("RGB").crop((50, top + 10, 330, top + 50))
        return len(place.getcolors(maxcolors=20_000) or range(20_000))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, as a server hands it out."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing on standard error."""


@pytest.fixture(scope="module")
def browse(site: str) -> Iterator[Callable[..., DrillBrowser]]:
    """How a drill opens pages, with the selectors that its profile masks."""
    choice = find()
    if choice is None:
        pytest.skip("no Chromium here")
    opened: list[DrillBrowser] = []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=choice.executable, args=launch_arguments())

        def browse(*mask: str) -> DrillBrowser:
            opened.append(DrillBrowser(driver, chromium, _profile(site, mask), lambda: None))
            return opened[-1]

        yield browse
        for one in opened:
            one.close()
        chromium.close()


def _profile(site: str, mask: tuple[str, ...]) -> Profile:
    """Return a profile whose every address is the page."""
    template = (ROOT / "drills" / "target" / "profiles" / "embedded.toml").read_text(encoding="utf-8")
    places = dict.fromkeys(re.findall(r"\$\{(\w+)\}", template), site)
    paces = {"legacy_poll": "1", "convex_poll": "1", "khala_socket": site.replace("http", "ws")}
    document = tomllib.loads(Template(template).substitute(places | paces))
    return parse_profile({**document, "mask": list(mask)}, "masks.toml")


def _surface(browser: DrillBrowser, site: str) -> bytes:
    del site
    browser.surface("web").open()
    browser.surface("web").page.frame_locator("iframe").locator("body").wait_for()
    return browser.surface("web").screenshot()


def _dashboard(browser: DrillBrowser, site: str) -> bytes:
    return browser.picture_of(site, "iframe")[0]


def _console(browser: DrillBrowser, site: str) -> bytes:
    console = browser.console(
        Console(url=site, sign_in_field="input", sign_in_button="#open", any_toggle="body"), SECRET
    )
    console.open()
    return console.screenshot()


CAPTURES = {"surface": _surface, "dashboard": _dashboard, "console": _console}


@pytest.mark.parametrize("capture", CAPTURES.values(), ids=CAPTURES)
def test_what_is_masked_is_of_one_colour(
    capture: Callable[[DrillBrowser, str], bytes], browse: Callable[..., DrillBrowser], site: str
) -> None:
    """In a form, in an element, in a shadow tree, in a frame; what appears while the picture is taken is not shown."""
    picture = capture(browse(".private"), site)

    assert {name: _colours(picture, top) for name, top in MASKED.items()} == dict.fromkeys(MASKED, 1)
    assert not _has_words(picture, LATE)
    assert _has_words(picture, OPEN)


def test_the_whole_page_is_masked_too(browse: Callable[..., DrillBrowser], site: str) -> None:
    """What only shows when one scrolls is in the dashboard's picture, and masked."""
    assert _colours(_dashboard(browse(".private"), site), BELOW) == 1


def test_without_a_mask_the_same_places_show_something(browse: Callable[..., DrillBrowser], site: str) -> None:
    """The measure sees what it is to see: unmasked, only the password field is of one colour, as it always is."""
    picture = _dashboard(browse(), site)
    bare = {name: _colours(picture, top) for name, top in {**MASKED, "below": BELOW}.items()}

    assert _has_words(picture, LATE)
    assert bare.pop("password") == 1
    assert min(bare.values()) > 2


def test_every_picture_is_taken_in_the_one_place_that_masks() -> None:
    """No other module asks Playwright for a picture; without words in the brackets it is our own method."""
    asking = [path for path in (ROOT / "drills").rglob("*.py") if re.search(r"\.screenshot\(\s*\w", path.read_text())]

    assert [path.relative_to(ROOT).as_posix() for path in asking] == ["drills/target/browser/pictures.py"]
