"""The browser of a drill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from drills.errors import TargetUnreachable
from drills.target.browser.console import ConsolePage
from drills.target.browser.entering import context_options, enter, origin_of, send_to_origin, sign_in
from drills.target.browser.joining import Joined, page_of
from drills.target.browser.pictures import masked_picture
from drills.target.browser.recorder import Recorder
from drills.target.browser.surface import ANSWER_MS, SurfacePage
from drills.target.fields import SecretHeader
from drills.target.profile import Console, Profile, Surface
from drills.target.traffic import without_query

POLL_MS = 25


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
        self._elsewhere = Joined(playwright)
        self._browsers: dict[str, Browser] = {}
        self._joined: set[str] = set()
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

    def console(self, console: Console, token: str) -> ConsolePage:
        """Return the operator console, not yet opened."""
        page = self._context("console").new_page()
        return ConsolePage(page, console, token, masks=self._profile.mask)

    def picture_of(
        self, url: str, ready: str, headers: Mapping[str, str | SecretHeader] | None = None
    ) -> tuple[bytes, int]:
        """Return a PNG of the whole page at ``url``, once an element ``ready`` is there, and how many there are.

        ``headers`` go to the page's own origin only.

        Raises:
            TargetUnreachable: the page does not load or does not become ready.
        """
        context = self._context("page")
        send_to_origin(context, origin_of(url), headers or {})
        page = context.new_page()
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

    def pause(self, seconds: float) -> None:
        """Let time pass, in any case: with the browser at work if it is there, else without it."""
        try:
            self.pump(seconds)
        except PlaywrightError:
            time.sleep(seconds)

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
        opened: tuple[BrowserContext | Joined | Browser, ...] = (*contexts, self._elsewhere, *self._browsers.values())
        for one in opened:
            with suppress(PlaywrightError):  # a browser that is gone has closed everything by itself
                one.close()

    def _clockwork(self) -> Page:
        """Return a page of its own to wait on: a recording of a surface need not tell of every wait."""
        if self._idle is None:
            context = self._browser.new_context()
            self._contexts.append(context)
            self._idle = context.new_page()
        return self._idle

    def _context(self, name: str, surface: Surface | None = None) -> BrowserContext:
        options = context_options(self._playwright, surface)
        if self._recorder:
            options |= self._recorder.options(name)
        context = self._browser_of(surface).new_context(**options)
        self._contexts.append(context)
        if self._recorder:
            self._recorder.follow(context, name)
        if surface:
            enter(context, surface)
        return context

    def _browser_of(self, surface: Surface | None) -> Browser:
        """Return the browser in which a surface is opened; the drill's own for all pages of the operator."""
        if surface is None or (surface.kind == "browser" and surface.engine == self._browser.browser_type.name):
            return self._browser
        key = surface.engine if surface.kind == "browser" else f"{surface.engine} {surface.endpoint}"
        if key not in self._browsers:
            started = surface.kind == "browser"
            self._browsers[key] = self._start(surface) if started else self._elsewhere.remote(surface)
        return self._browsers[key]

    def _start(self, surface: Surface) -> Browser:
        engine = self._playwright.firefox if surface.engine == "firefox" else self._playwright.webkit
        if surface.engine == "chromium":
            engine = self._playwright.chromium
        try:
            return engine.launch()
        except PlaywrightError as error:
            raise TargetUnreachable(
                f"{surface.title}: {surface.engine} does not start: {error.message.splitlines()[0]}",
                remedy=f"python3 -m playwright install --with-deps {surface.engine}",
            ) from None

    def _page_of(self, surface_id: str, profile: Surface) -> Page:
        if profile.kind != "cdp":
            return self._context(surface_id, profile).new_page()
        page = page_of(self._elsewhere.application(profile), profile)
        if self._recorder:
            self._recorder.follow(page.context, surface_id, planting=False)
        if surface_id not in self._joined and profile.login:
            sign_in(page, profile.login)
        self._joined.add(surface_id)
        return page
