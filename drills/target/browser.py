"""Surfaces, the operator console and the dashboard, as Playwright sees them. The only module that knows Playwright."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import orjson
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Response, WebSocket
from playwright.sync_api import Error as PlaywrightError

from drills.errors import TargetUnreachable
from drills.target.pictures import small_png
from drills.target.profile import Console, Profile, Surface
from drills.target.traffic import RequestSeen, Traffic, without_query, worker_versions

__all__ = ["Browser", "ConsolePage", "DrillBrowser", "Playwright", "PlaywrightError", "Row", "SurfacePage"]

POLL_MS = 25
ANSWER_MS = 15_000
DESKTOP_WIDTH, DESKTOP_HEIGHT = 1100, 680

#: Notes, inside the page, when each row first showed each sequence number (Unix milliseconds).
WATCH_ROWS = """
({sequence, row}) => {
  window.__drillRowsSeen = {};
  const look = () => {
    for (const element of document.querySelectorAll(row)) {
      const match = /(\\d+)/.exec(element.querySelector(sequence)?.textContent ?? "");
      if (!match) continue;
      const key = element.getAttribute("data-worker-id") + "@" + match[1];
      window.__drillRowsSeen[key] ??= performance.timeOrigin + performance.now();
    }
  };
  new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
}
"""

#: Reads worker id, digits of the sequence number, and status of every row that has them.
READ_ROWS = """
({row, sequence, status}) => [...document.querySelectorAll(row)].flatMap((element) => {
  const digits = /(\\d+)/.exec(element.querySelector(sequence)?.textContent ?? "");
  const word = element.querySelector(status)?.textContent;
  return digits && word !== undefined ? [[element.getAttribute("data-worker-id"), digits[1], word]] : [];
})
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What a surface shows of one worker."""

    seq: int
    status: str


class SurfacePage:
    """One surface in a browser, with a record of its traffic since it was last opened."""

    def __init__(self, surface_id: str, profile: Surface, khala_url: str, page: Callable[[], Page]) -> None:
        self.id = surface_id
        self.profile = profile
        self.traffic = Traffic(opened_at=time.time())
        self._khala_url = khala_url
        self._new_page = page
        self._page: Page | None = None
        self._unread: list[tuple[int, Response]] = []

    def open(self) -> None:
        """Load the surface from its start; the record of its traffic begins anew.

        Raises:
            TargetUnreachable: the page does not load.
        """
        try:
            self._load()
        except PlaywrightError as error:
            raise TargetUnreachable(f"{self.id} does not open: {error.message}", remedy="drill doctor") from None

    def _load(self) -> None:
        if self._page is None or self._page.is_closed() or self.profile.kind == "cdp":
            self._page = self._new_page()
            self._page.set_default_timeout(ANSWER_MS)
            self._page.add_init_script(f"({WATCH_ROWS})({_row_selectors(self.profile)})")
            self._listen(self._page)
        # What the page before still has under way ends here, and is not taken for traffic of the new one.
        self._page.goto("about:blank")
        self.traffic = Traffic(opened_at=time.time())
        self._unread.clear()
        self._page.goto(self.profile.url, wait_until="domcontentloaded")

    def shown(self) -> dict[str, Row]:
        """Return what every row shows, all read in one moment."""
        selectors = self.profile.selectors
        found: list[list[str]] = self.page.evaluate(
            READ_ROWS, {"row": selectors.any_row, "sequence": selectors.sequence, "status": selectors.status}
        )
        return {name: Row(int(seq), status.strip().lower()) for name, seq, status in found}

    def rows(self) -> int:
        """Return how many workers the surface shows."""
        return self.page.locator(self.profile.selectors.any_row).count()

    def shown_at(self, worker_id: str, seq: int) -> float | None:
        """Return when the row first showed ``seq`` or later (Unix seconds), None when it has not."""
        seen: dict[str, float] = self.page.evaluate("() => window.__drillRowsSeen ?? {}")
        times = [at for key, at in seen.items() if _is_version(key, worker_id, seq)]
        return min(times) / 1000 if times else None

    def attribute(self, selector: str, name: str) -> str | None:
        """Return an attribute of the first element that ``selector`` finds."""
        element = self.page.locator(selector).first
        return element.get_attribute(name) if element.count() else None

    def screenshot(self) -> bytes:
        """Return a PNG of what is shown, with the profile's private places masked."""
        masks = [self.page.locator(selector) for selector in self.profile.selectors.mask]
        return small_png(self.page.screenshot(mask=masks, animations="disabled", scale="css"))

    @property
    def is_open(self) -> bool:
        """Whether the surface was opened and has not been closed since."""
        return self._page is not None and not self._page.is_closed()

    @property
    def page(self) -> Page:
        """The page itself.

        Raises:
            TargetUnreachable: the surface was never opened.
        """
        if self._page is None:
            raise TargetUnreachable(f"{self.id} was not opened")
        return self._page

    def read_answers(self) -> None:
        """Read the bodies of legacy answers that have come in since the last call."""
        unread, self._unread = self._unread, []
        for index, response in unread:
            seen = self.traffic.requests[index]
            try:
                versions = worker_versions(response.body())
            except PlaywrightError:
                # The page moved on before the body was read; the request stays in the record without versions.
                versions = ()
            self.traffic.requests[index] = RequestSeen(seen.at, seen.method, seen.url, response.status, versions)

    def _listen(self, page: Page) -> None:
        page.on("response", self._on_response)
        page.on("requestfailed", lambda request: self._note(request.method, request.url))
        page.on("websocket", self._on_socket)

    def _note(self, method: str, url: str) -> None:
        self.traffic.requests.append(RequestSeen(time.time(), method, without_query(url)))

    def _on_response(self, response: Response) -> None:
        self._note(response.request.method, response.url)
        if response.url.startswith(self.profile.legacy.request) and response.request.method != "OPTIONS":
            self._unread.append((len(self.traffic.requests) - 1, response))

    def _on_socket(self, socket: WebSocket) -> None:
        url = without_query(socket.url)
        self.traffic.sockets.append(url)
        if url.startswith(self._khala_url):
            traffic = self.traffic
            socket.on("framesent", lambda content: traffic.hear(content, at=time.time(), sent=True))
            socket.on("framereceived", lambda content: traffic.hear(content, at=time.time(), sent=False))


class ConsolePage:
    """The operator's page, on which switches are flipped as an operator would."""

    def __init__(self, page: Page, console: Console, token: str) -> None:
        self._page = page
        self._console = console
        self._token = token

    def open(self) -> None:
        """Load the page and sign in where it asks for it.

        Raises:
            TargetUnreachable: the page does not load, or does not let the operator in.
        """
        try:
            self._page.goto(self._console.url, wait_until="domcontentloaded")
            self._page.locator(self._console.sign_in_field).fill(self._token)
            self._page.locator(self._console.sign_in_button).click()
            self._page.locator(self._console.any_toggle).first.wait_for()
        except PlaywrightError as error:
            raise TargetUnreachable(f"the operator console does not open: {error.message}") from None

    def toggle(self, switch: str) -> None:
        """Click the toggle of ``switch``.

        Raises:
            TargetUnreachable: there is no such toggle, or it cannot be clicked.
        """
        try:
            self._page.locator(self._console.toggle.format(switch=switch)).click()
        except PlaywrightError as error:
            raise TargetUnreachable(f"the console's toggle '{switch}' cannot be clicked: {error.message}") from None

    def screenshot(self) -> bytes:
        """Return a PNG of the console, with password fields masked."""
        fields = self._page.locator("input[type=password]")
        return small_png(self._page.screenshot(mask=[fields], animations="disabled"))


class DrillBrowser:
    """The browser of a drill: it opens surfaces, the console and the dashboard, and waits on conditions."""

    def __init__(
        self, playwright: Playwright, browser: Browser, profile: Profile, interruption: Callable[[], None]
    ) -> None:
        """Use ``browser``; ``interruption`` is asked while it waits, and raises when the waiting is to end."""
        self._playwright = playwright
        self._browser = browser
        self._profile = profile
        self._interruption = interruption
        self._contexts: list[BrowserContext] = []
        self._joined: dict[str, Browser] = {}
        self._pages: dict[str, SurfacePage] = {}

    def surface(self, surface_id: str) -> SurfacePage:
        """Return the page of a surface; it is opened by the caller."""
        if surface_id not in self._pages:
            profile = self._profile.surfaces[surface_id]
            self._pages[surface_id] = SurfacePage(
                surface_id, profile, self._profile.khala.socket_url, lambda: self._page_of(surface_id, profile)
            )
        return self._pages[surface_id]

    def console(self, token: str) -> ConsolePage:
        """Return the operator console, not yet opened."""
        return ConsolePage(self._context().new_page(), self._profile.console, token)

    def picture_of(self, url: str, ready: str) -> tuple[bytes, int]:
        """Return a PNG of the whole page at ``url``, once an element ``ready`` is there, and how many there are.

        Raises:
            TargetUnreachable: the page does not load or does not become ready.
        """
        page = self._context().new_page()
        try:
            page.goto(url, wait_until="domcontentloaded")
            page.locator(ready).first.wait_for(timeout=ANSWER_MS)
            picture = page.screenshot(full_page=True, animations="disabled")
            return small_png(picture), page.locator(ready).count()
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

    def close(self) -> None:
        """Close what was opened; applications that were joined are left running."""
        for context in self._contexts:
            context.close()

    def _clockwork(self) -> Page:
        context = self._contexts[0] if self._contexts else self._context()
        return context.pages[0] if context.pages else context.new_page()

    def _context(self, device: str | None = None) -> BrowserContext:
        options = dict(self._playwright.devices[device]) if device else {}
        options.pop("default_browser_type", None)
        options.setdefault("viewport", {"width": DESKTOP_WIDTH, "height": DESKTOP_HEIGHT})
        context = self._browser.new_context(**options)
        self._contexts.append(context)
        return context

    def _page_of(self, surface_id: str, profile: Surface) -> Page:
        if profile.kind == "browser":
            return self._context(profile.device).new_page()
        self._joined[surface_id] = self._playwright.chromium.connect_over_cdp(_cdp_url(profile))
        return self._joined[surface_id].contexts[0].pages[0]


def _is_version(key: str, worker_id: str, seq: int) -> bool:
    name, _, version = key.rpartition("@")
    return name == worker_id and int(version) >= seq


def _row_selectors(profile: Surface) -> str:
    return orjson.dumps({"sequence": profile.selectors.sequence, "row": profile.selectors.any_row}).decode()


def _cdp_url(profile: Surface) -> str:
    try:
        answer = httpx2.get(profile.endpoint or profile.url, timeout=5, trust_env=False).json()
    except (httpx2.HTTPError, ValueError) as error:
        raise TargetUnreachable(f"{profile.title} does not tell its debugging address: {error}") from None
    url = answer.get("cdp_url") if isinstance(answer, dict) else None
    if not isinstance(url, str):
        raise TargetUnreachable(f"{profile.title} has no open window to join", remedy="look at the surface's own log")
    return url
