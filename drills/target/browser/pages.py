"""The browser of a drill."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx2
from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from drills.errors import TargetUnreachable
from drills.target.browser.console import ConsolePage
from drills.target.browser.pictures import masked_picture
from drills.target.browser.recorder import Recorder
from drills.target.browser.surface import ANSWER_MS, SurfacePage
from drills.target.profile import Profile, Surface
from drills.target.traffic import without_query

POLL_MS = 25
DESKTOP_WIDTH, DESKTOP_HEIGHT = 1100, 680


class DrillBrowser:
    """The browser of a drill: it opens surfaces, the console and the dashboard, and waits on conditions."""

    def __init__(
        self,
        playwright: Playwright,
        browser: Browser,
        profile: Profile,
        interruption: Callable[[], None],
        *,
        hear: Callable[[str], object] = str,
        recorder: Recorder | None = None,
    ) -> None:
        """Use ``browser``; ``interruption`` is asked while it waits, and raises when the waiting is to end.

        ``hear`` is told what tokens travel in; ``recorder`` keeps traces, where they are wanted.
        """
        self._playwright = playwright
        self._browser = browser
        self._profile = profile
        self._interruption = interruption
        self._hear = hear
        self._recorder = recorder
        self._contexts: list[BrowserContext] = []
        self._joined: dict[str, Browser] = {}
        self._pages: dict[str, SurfacePage] = {}
        self._idle: Page | None = None

    def surface(self, surface_id: str) -> SurfacePage:
        """Return the page of a surface; it is opened by the caller."""
        if surface_id not in self._pages:
            profile = self._profile.surfaces[surface_id]
            self._pages[surface_id] = SurfacePage(
                surface_id,
                profile,
                self._profile.khala.socket_url,
                lambda: self._page_of(surface_id, profile),
                masks=self._profile.mask,
                hear=self._hear,
            )
        return self._pages[surface_id]

    def console(self, token: str) -> ConsolePage:
        """Return the operator console, not yet opened."""
        page = self._context("console").new_page()
        return ConsolePage(page, self._profile.console, token, masks=self._profile.mask)

    def picture_of(self, url: str, ready: str) -> tuple[bytes, int]:
        """Return a PNG of the whole page at ``url``, once an element ``ready`` is there, and how many there are.

        Raises:
            TargetUnreachable: the page does not load or does not become ready.
        """
        page = self._context("page").new_page()
        try:
            page.goto(url, wait_until="domcontentloaded")
            page.locator(ready).first.wait_for(timeout=ANSWER_MS)
            picture = masked_picture(page, self._profile.mask, full_page=True)
            return picture, page.locator(ready).count()
        except PlaywrightError as error:
            raise TargetUnreachable(f"{without_query(url)} does not show: {error.message}") from None
        finally:
            page.close()

    def pump(self, seconds: float = POLL_MS / 1000) -> None:
        """Let time pass while what the pages report is taken in."""
        self._interruption()
        self._clockwork().wait_for_timeout(seconds * 1000)
        for page in self._pages.values():
            page.read_answers()

    def wait_until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Return whether ``condition`` came true within ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.pump()
        return True

    def keep_recordings(self) -> None:
        """Save what was recorded of joined applications: a flip may restart them, which ends their recording."""
        if self._recorder:
            for surface_id in self._joined:
                self._recorder.save(surface_id)

    def close(self) -> None:
        """Save what was recorded and close what was opened; applications that were joined are left running."""
        if self._recorder:
            self._recorder.save_all()
        contexts, self._contexts, self._idle = self._contexts, [], None
        for context in contexts:
            context.close()

    def _clockwork(self) -> Page:
        """Return a page of its own to wait on: a recording of a surface need not tell of every wait."""
        if self._idle is None:
            context = self._browser.new_context()
            self._contexts.append(context)
            self._idle = context.new_page()
        return self._idle

    def _context(self, name: str, device: str | None = None) -> BrowserContext:
        options = dict(self._playwright.devices[device]) if device else {}
        options.pop("default_browser_type", None)
        options.setdefault("viewport", {"width": DESKTOP_WIDTH, "height": DESKTOP_HEIGHT})
        if self._recorder:
            options |= self._recorder.options(name)
        context = self._browser.new_context(**options)
        self._contexts.append(context)
        if self._recorder:
            self._recorder.follow(context, name)
        return context

    def _page_of(self, surface_id: str, profile: Surface) -> Page:
        if profile.kind == "browser":
            return self._context(surface_id, profile.device).new_page()
        self._joined[surface_id] = self._playwright.chromium.connect_over_cdp(_cdp_url(profile))
        context = self._joined[surface_id].contexts[0]
        if self._recorder:
            self._recorder.follow(context, surface_id, planting=False)
        return context.pages[0]


def _cdp_url(profile: Surface) -> str:
    try:
        answer = httpx2.get(profile.endpoint or profile.url, timeout=5, trust_env=False).json()
    except (httpx2.HTTPError, ValueError) as error:
        raise TargetUnreachable(f"{profile.title} does not tell its debugging address: {error}") from None
    url = answer.get("cdp_url") if isinstance(answer, dict) else None
    if not isinstance(url, str):
        raise TargetUnreachable(f"{profile.title} has no open window to join", remedy="look at the surface's own log")
    return url
