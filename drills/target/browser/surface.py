"""One surface in a browser: what it shows, and what it exchanges on the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Response, WebSocket

from drills.errors import TargetUnreachable
from drills.target.browser.pictures import masked_picture
from drills.target.profile import Surface
from drills.target.traffic import RequestSeen, Traffic, without_query, worker_versions

ANSWER_MS = 15_000

#: Notes, inside the page, when each row first showed each sequence number (Unix milliseconds).
WATCH_ROWS = """
({sequence, row, identifier}) => {
  window.__drillRowsSeen = {};
  const look = () => {
    for (const element of document.querySelectorAll(row)) {
      const match = /(\\d+)/.exec(element.querySelector(sequence)?.textContent ?? "");
      if (!match) continue;
      const key = element.getAttribute(identifier) + "@" + match[1];
      window.__drillRowsSeen[key] ??= performance.timeOrigin + performance.now();
    }
  };
  new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
}
"""

#: Reads worker id, digits of the sequence number, and status of every row that has them.
READ_ROWS = """
({row, sequence, status, identifier}) => [...document.querySelectorAll(row)].flatMap((element) => {
  const digits = /(\\d+)/.exec(element.querySelector(sequence)?.textContent ?? "");
  const word = element.querySelector(status)?.textContent;
  return digits && word !== undefined ? [[element.getAttribute(identifier), digits[1], word]] : [];
})
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What a surface shows of one worker."""

    seq: int
    status: str


class SurfacePage:
    """One surface in a browser, with a record of its traffic since it was last opened.

    ``hear`` is told every URL and every text frame, in which tokens are minted; ``masks`` are the private places of
    every page.
    """

    def __init__(
        self,
        surface_id: str,
        profile: Surface,
        khala_url: str,
        page: Callable[[], Page],
        *,
        masks: Sequence[str] = (),
        hear: Callable[[str], object] = str,
    ) -> None:
        self.id = surface_id
        self.profile = profile
        self.traffic = Traffic(opened_at=time.time())
        self._khala_url = khala_url
        self._new_page = page
        self._masks = (*masks, *profile.selectors.mask)
        self._hear = hear
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
            READ_ROWS,
            {
                "row": selectors.any_row,
                "sequence": selectors.sequence,
                "status": selectors.status,
                "identifier": selectors.identifier,
            },
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
        return masked_picture(self.page, self._masks)

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
        self._hear(url)
        self.traffic.requests.append(RequestSeen(time.time(), method, without_query(url)))

    def _on_response(self, response: Response) -> None:
        self._note(response.request.method, response.url)
        if response.url.startswith(self.profile.legacy.request) and response.request.method != "OPTIONS":
            self._unread.append((len(self.traffic.requests) - 1, response))

    def _on_socket(self, socket: WebSocket) -> None:
        self._hear(socket.url)
        url = without_query(socket.url)
        self.traffic.sockets.append(url)
        if url.startswith(self._khala_url):
            traffic = self.traffic
            socket.on("framesent", lambda content: self._on_frame(traffic, content, sent=True))
            socket.on("framereceived", lambda content: self._on_frame(traffic, content, sent=False))

    def _on_frame(self, traffic: Traffic, content: str | bytes, *, sent: bool) -> None:
        traffic.hear(content, at=time.time(), sent=sent)
        self._hear(content if isinstance(content, str) else content.decode("utf-8", "replace"))


def _is_version(key: str, worker_id: str, seq: int) -> bool:
    name, _, version = key.rpartition("@")
    return name == worker_id and int(version) >= seq


def _row_selectors(profile: Surface) -> str:
    selectors = profile.selectors
    return orjson.dumps(
        {"sequence": selectors.sequence, "row": selectors.any_row, "identifier": selectors.identifier}
    ).decode()
