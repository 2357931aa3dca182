"""What a person sees on the three surfaces, on each lane, and what goes over the network for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
import pytest
from playwright.sync_api import Browser, Page, Request, Route, WebSocket, WebSocketRoute, expect

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Staging

SURFACES = ("web", "mobile", "desktop")
TOPIC = "runtime.codex_worker_summaries"
WORKER = "codexw_03"
DOCUMENT = f"runtime/codex_worker_summary:{WORKER}"
PATIENCE_MS = 15_000


@dataclass
class Traffic:
    """What a page exchanged since it was opened: ``METHOD path`` by origin, and Khala frames in both directions."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    sent: list[list[object]] = field(default_factory=list)
    received: list[list[object]] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Write down everything from now on."""
        page.on("request", self._note)
        page.on("websocket", self._open)

    def to(self, origin: str) -> list[str]:
        """Return the requests to ``origin``."""
        return [what for where, what in self.requests if where == origin]

    def events(self, frames: list[list[object]]) -> list[str]:
        """Return the events of ``frames``, Phoenix's own replies left out."""
        return [str(frame[3]) for frame in frames if frame[3] != "phx_reply"]

    def clear(self) -> None:
        """Begin anew."""
        for kept in (self.requests, self.sockets, self.sent, self.received):
            kept.clear()

    def _note(self, request: Request) -> None:
        origin, path = re.fullmatch(r"(\w+://[^/]+)([^?]*).*", request.url).groups()  # type: ignore[union-attr]
        if request.method != "OPTIONS":
            self.requests.append((origin, f"{request.method} {path}"))

    def _open(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url.partition("?")[0])
        socket.on("framesent", lambda content: self.sent.append(orjson.loads(content)))
        socket.on("framereceived", lambda content: self.received.append(orjson.loads(content)))


@dataclass
class Screen:
    """A surface in a browser."""

    page: Page
    traffic: Traffic

    def row(self, worker: str = WORKER) -> str:
        """Return the selector of a worker's row."""
        return f'[data-worker-id="{worker}"]'

    def shows(self, event: dict[str, object]) -> None:
        """Return once the row of the event's worker shows exactly that event."""
        row = self.page.locator(self.row(str(event["id"])))
        expect(row.locator('[data-field="seq"]')).to_have_text(f"seq {event['seq']}", timeout=PATIENCE_MS)
        expect(row.locator('[data-field="status"]')).to_have_text(str(event["status"]))

    def on_lane(self, lane: str) -> None:
        """Return once the page says that it is on ``lane``."""
        expect(self.page.locator("#lane")).to_have_attribute("data-lane", lane, timeout=PATIENCE_MS)


Open = Callable[..., Screen]


@pytest.fixture
def open_surface(staging: Staging, viewer: Browser) -> Iterator[Open]:
    """Return a function that opens a surface with its flag at a value: ``open_surface(name, value, prepare=None)``.

    The desktop is joined in its own window, the others are opened in a window of the tests' browser.
    """
    closing: list[Callable[[], None]] = []

    def opened(name: str, value: str, prepare: Callable[[Page], None] = lambda _: None) -> Screen:
        staging.flip(name, value)
        traffic = Traffic()
        if name == "desktop":
            joined = viewer.browser_type.connect_over_cdp(staging.health("desktop")["cdp_url"])
            page = joined.contexts[0].pages[0]
            closing.append(joined.close)
        else:
            context = viewer.new_context()
            page = context.new_page()
            closing.append(context.close)
        traffic.listen(page)
        prepare(page)
        page.goto(f"{staging.urls[name]}/")
        return Screen(page, traffic)

    yield opened
    for close in closing:
        close()


def pass_time(staging: Staging, screen: Screen, seconds: float) -> int:
    """Let the page live for ``seconds`` while events come in, which it must show; return how many there were."""
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        screen.shows(staging.stimulate(WORKER))
        count += 1
    return count


@pytest.mark.parametrize("value", ["false", "true"])
@pytest.mark.parametrize("surface", SURFACES)
def test_every_surface_shows_live_updates_on_both_lanes(
    staging: Staging, open_surface: Open, surface: str, value: str
) -> None:
    """All workers are listed, and an event of the authority shows up in the row of its worker."""
    screen = open_surface(surface, value)
    screen.on_lane("khala" if value == "true" else "legacy")
    expect(screen.page.locator("#connection")).to_have_attribute("data-state", "live" if value == "true" else "polling")
    screen.shows(staging.stimulate(WORKER))
    screen.shows(staging.stimulate("codexw_01"))
    authority = staging.get("/authority")["data"]["codex_worker"]
    shown = screen.page.locator("[data-worker-id]")
    assert [shown.nth(at).get_attribute("data-worker-id") for at in range(shown.count())] == sorted(authority)


@pytest.mark.parametrize("surface", SURFACES)
def test_the_khala_lane_is_a_socket_and_one_request(staging: Staging, open_surface: Open, surface: str) -> None:
    """On Khala the rows come over HTTP once, every update comes over the socket, and Convex is never contacted."""
    screen = open_surface(surface, "true")
    screen.on_lane("khala")
    count = pass_time(staging, screen, 1.5)
    traffic = screen.traffic
    expected = {"GET /api/auth/session": 1, "POST /api/sync/token": 1, "GET /api/runtime/codex/workers": 1}
    asked = traffic.to(staging.urls["runtime"])
    assert {what: asked.count(what) for what in asked if what != "GET /healthz"} == expected
    assert traffic.to(staging.urls["convex"]) == []
    assert traffic.sockets == [staging.urls["khala_socket"]]
    assert traffic.events(traffic.sent)[:2] == ["phx_join", "sync:subscribe"]
    assert traffic.sent[1][4]["topics"] == [TOPIC]  # type: ignore[index]
    assert traffic.events(traffic.received).count("sync:update_batch") >= count


def test_the_web_polls_the_runtime_on_the_legacy_lane(staging: Staging, open_surface: Open) -> None:
    """With its flag off the web asks the runtime again and again, and opens no socket."""
    screen = open_surface("web", "false")
    pass_time(staging, screen, 1.5)
    polls = screen.traffic.to(staging.urls["runtime"])
    assert set(polls) == {"GET /api/runtime/codex/workers"}
    assert len(polls) >= 3
    assert (screen.traffic.sockets, screen.traffic.to(staging.urls["convex"])) == ([], [])


@pytest.mark.parametrize("surface", ["mobile", "desktop"])
def test_the_others_ask_convex_on_the_legacy_lane(staging: Staging, open_surface: Open, surface: str) -> None:
    """With their flags off mobile and desktop live on Convex, and neither asks the runtime for anything."""
    screen = open_surface(surface, "false")
    pass_time(staging, screen, 1.5)
    queries = screen.traffic.to(staging.urls["convex"])
    assert queries.count("POST /api/query") >= 3
    assert (screen.traffic.sockets, screen.traffic.to(staging.urls["runtime"])) == ([], [])


@pytest.mark.parametrize(
    ("value", "provider", "base", "path"),
    [("false", "convex", "convex", "/version"), ("true", "khala", "runtime", "/healthz")],
)
def test_the_desktop_probes_the_host_of_its_lane(
    staging: Staging, open_surface: Open, value: str, provider: str, base: str, path: str
) -> None:
    """The desktop names its sync provider, probes that lane's host, and says whether it was reached."""
    screen = open_surface("desktop", value)
    expect(screen.page.locator("#provider")).to_have_attribute("data-provider", provider)
    probe = screen.page.locator("#probe")
    expect(probe).to_have_attribute("data-target", f"{staging.urls[base]}{path}")
    expect(probe).to_have_attribute("data-ok", "true")
    assert f"GET {path}" in screen.traffic.to(staging.urls[base])
    assert screen.page.evaluate("matchMedia('(display-mode: standalone)').matches") is True


@pytest.mark.parametrize("surface", SURFACES)
def test_a_surface_resumes_from_its_watermark(staging: Staging, open_surface: Open, surface: str) -> None:
    """What happened while the page was away is replayed from the watermark that the surface kept."""
    screen = open_surface(surface, "true")
    screen.on_lane("khala")
    screen.shows(staging.stimulate(WORKER))
    screen.page.goto("about:blank")
    missed = [staging.stimulate(WORKER)["seq"] for _ in range(3)]
    screen.traffic.clear()
    screen.page.goto(f"{staging.urls[surface]}/")
    screen.on_lane("khala")
    screen.shows(staging.stimulate(WORKER))
    assert screen.traffic.sent[1][4]["resume_after"][TOPIC] > 0  # type: ignore[index]
    assert [seq for seq in versions(screen.traffic) if seq in missed] == missed


def test_the_desktop_keeps_its_watermark_over_restarts(staging: Staging, open_surface: Open) -> None:
    """A new shell with a new window resumes where the one before it was."""
    first = open_surface("desktop", "true")
    first.on_lane("khala")
    first.shows(staging.stimulate(WORKER))
    staging.flip("desktop", "false")
    second = open_surface("desktop", "true")
    second.on_lane("khala")
    assert second.traffic.sent[1][4]["resume_after"][TOPIC] > 0  # type: ignore[index]


@pytest.mark.parametrize("surface", SURFACES)
def test_a_stale_cursor_means_loading_everything_again(staging: Staging, open_surface: Open, surface: str) -> None:
    """Told that its cursor is stale, a surface loads the rows over HTTP again, starts at the head, and is live."""
    screen = open_surface(surface, "true")
    screen.on_lane("khala")
    screen.page.goto("about:blank")
    for _ in range(3):
        event = staging.stimulate(WORKER)
    settle(staging, event)
    assert staging.operate("POST", "/retention", {"horizon_seconds": 0})[0] == 200
    screen.traffic.clear()
    screen.page.goto(f"{staging.urls[surface]}/")
    screen.on_lane("khala")
    screen.shows(event)
    screen.shows(staging.stimulate(WORKER))
    subscriptions = [frame[4] for frame in screen.traffic.sent if frame[3] == "sync:subscribe"]
    assert ["resume_after" in one for one in subscriptions] == [True, False]  # type: ignore[operator]
    assert "sync:error" in screen.traffic.events(screen.traffic.received)
    assert screen.traffic.to(staging.urls["runtime"]).count("GET /api/runtime/codex/workers") == 2


def settle(staging: Staging, event: dict[str, object]) -> None:
    """Return once ``event`` is in the Khala read model."""
    end = time.monotonic() + 15
    while staging.get("/parity")["data"]["read_models"][event["doc_key"]]["doc_version"] != event["seq"]:
        assert time.monotonic() < end, "the event was never published"


def versions(traffic: Traffic) -> list[int]:
    """Return the document versions of the worker that came over the socket, in order."""
    batches = [frame[4] for frame in traffic.received if frame[3] == "sync:update_batch"]
    updates = [update for batch in batches for update in batch["updates"]]  # type: ignore[index]
    return [update["doc_version"] for update in updates if update["doc_key"] == DOCUMENT]


@dataclass
class Tap:
    """A hand on the socket between a page and Khala: it can cut it, and change what the server says."""

    routes: list[WebSocketRoute] = field(default_factory=list)
    change: Callable[[list[object]], list[list[object]]] = lambda frame: [frame]

    def install(self, page: Page) -> None:
        """Put the hand on every Khala socket of ``page``."""
        page.route_web_socket(re.compile("/sync/socket/"), self._open)

    def _open(self, route: WebSocketRoute) -> None:
        self.routes.append(route)
        server = route.connect_to_server()
        server.on_message(lambda text: self._pass_on(route, text))

    def _pass_on(self, route: WebSocketRoute, text: str | bytes) -> None:
        for frame in self.change(orjson.loads(text)):
            route.send(orjson.dumps(frame).decode())


def test_a_cut_socket_is_opened_again(staging: Staging, open_surface: Open) -> None:
    """When the server cuts the socket the page says so, connects again, and has missed nothing."""
    tap = Tap()
    screen = open_surface("web", "true", tap.install)
    screen.on_lane("khala")
    screen.page.evaluate(
        "window.lanes = []; new MutationObserver(() => lanes.push(document.querySelector('#lane').dataset.lane))"
        ".observe(document.querySelector('#lane'), {attributes: true})"
    )
    tap.routes[0].close(code=1012)
    event = staging.stimulate(WORKER)
    screen.shows(event)
    screen.on_lane("khala")
    assert len(tap.routes) >= 2
    assert screen.page.evaluate("lanes[0]") == "connecting"
    assert screen.traffic.to(staging.urls["runtime"]).count("GET /api/runtime/codex/workers") == 1


def test_what_comes_twice_or_late_changes_nothing(staging: Staging, open_surface: Open) -> None:
    """Delivery is at least once: an older version of a document, come late, is not shown."""
    tap = Tap()
    seen: list[list[object]] = []

    def repeat_the_first(frame: list[object]) -> list[list[object]]:
        if frame[3] != "sync:update_batch" or not frame[4]["updates"]:  # type: ignore[index]
            return [frame]
        seen.append(frame)
        return [frame, seen[0]]

    tap.change = repeat_the_first
    screen = open_surface("web", "true", tap.install)
    screen.on_lane("khala")
    screen.shows(staging.stimulate(WORKER))
    screen.shows(staging.stimulate(WORKER))
    last = staging.stimulate("codexw_01")
    screen.shows(last)
    authority = staging.get("/authority")["data"]["codex_worker"][WORKER]
    expect(screen.page.locator(f'{screen.row()} [data-field="seq"]')).to_have_text(f"seq {authority['seq']}")
    assert len(seen) >= 3


def test_a_pointer_is_followed(staging: Staging, open_surface: Open) -> None:
    """An update without its payload is completed from the document over HTTP."""
    tap = Tap()

    def drop_payloads(frame: list[object]) -> list[list[object]]:
        if frame[3] == "sync:update_batch":
            for update in frame[4]["updates"]:  # type: ignore[index]
                update.update(payload=None, hydration_required=True)
        return [frame]

    tap.change = drop_payloads
    screen = open_surface("web", "true", tap.install)
    screen.on_lane("khala")
    screen.shows(staging.stimulate(WORKER))
    asked = screen.traffic.to(staging.urls["runtime"])
    assert [what for what in asked if what.startswith("GET /api/sync/documents/")] != []


def test_a_silent_socket_leaves_the_rows_readable(staging: Staging, open_surface: Open) -> None:
    """When Khala accepts and then says nothing, the rows are there all the same and the page does not claim a lane."""
    with staging.fault("khala-stall"):
        screen = open_surface("web", "true")
        expect(screen.page.locator("[data-worker-id]")).to_have_count(6, timeout=PATIENCE_MS)
        screen.on_lane("connecting")
    screen.on_lane("khala")


@pytest.mark.parametrize("surface", SURFACES)
def test_flag_ignored_keeps_the_legacy_lane(staging: Staging, open_surface: Open, surface: str) -> None:
    """Under the fault the flag is on and the lane is what it was before."""
    with staging.fault(f"flag-ignored-{surface}"):
        screen = open_surface(surface, "true")
        screen.on_lane("legacy")
        screen.shows(staging.stimulate(WORKER))
        assert staging.health(surface)["value"] == "true"
        assert screen.traffic.sockets == []


@pytest.mark.parametrize("surface", SURFACES)
def test_fallback_broken_shows_nothing_new(staging: Staging, open_surface: Open, surface: str) -> None:
    """Under the fault the legacy lane loads once and never again, though the page looks as if it did."""
    with staging.fault(f"fallback-broken-{surface}"):
        screen = open_surface(surface, "false")
        screen.on_lane("legacy")
        before = screen.page.locator(f'{screen.row()} [data-field="seq"]').inner_text()
        other = open_surface("mobile" if surface == "web" else "web", "false")
        for _ in range(4):
            other.shows(staging.stimulate(WORKER))
        assert screen.page.locator(f'{screen.row()} [data-field="seq"]').inner_text() == before
        expect(screen.page.locator("#connection")).to_have_attribute("data-state", "polling")


def test_convex_boots_anyway_contacts_convex(staging: Staging, open_surface: Open) -> None:
    """Under the fault the mobile page is on Khala and boots the Convex provider all the same."""
    with staging.fault("convex-boots-anyway"):
        screen = open_surface("mobile", "true")
        screen.on_lane("khala")
        screen.shows(staging.stimulate(WORKER))
        assert "POST /api/query" in screen.traffic.to(staging.urls["convex"])


def test_text_from_elsewhere_is_only_text(open_surface: Open) -> None:
    """A worker whose title is markup shows that markup as words."""
    title = '<img src=x onerror="document.title=1"><b>bold</b>'
    worker = {"worker_id": "codexw_00", "latest_seq": 1, "status": "<i>idle</i>", "title": title, "repo": "\u202eevil"}

    def plant(page: Page) -> None:
        page.route("**/api/runtime/codex/workers", lambda route: with_worker(route, worker))

    screen = open_surface("web", "false", plant)
    row = screen.page.locator(screen.row("codexw_00"))
    expect(row.locator('[data-field="title"]')).to_have_text(title)
    expect(row.locator('[data-field="status"]')).to_have_text("<i>idle</i>")
    assert row.locator("img, b, i").count() == 0


def with_worker(route: Route, worker: dict[str, object]) -> None:
    """Answer with one worker more than the runtime has."""
    answer = route.fetch()
    route.fulfill(response=answer, json={"data": [*answer.json()["data"], worker]})


def test_an_open_page_learns_of_a_new_build(staging: Staging, open_surface: Open) -> None:
    """Whoever comes back to a page that is older than its surface is offered to load it again."""
    screen = open_surface("web", "false")
    screen.on_lane("legacy")
    notice = screen.page.locator("#new-build")
    expect(notice).to_be_hidden()
    staging.flip("web", "true")
    screen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Reload").click()
    screen.on_lane("khala")


@pytest.mark.parametrize("surface", SURFACES)
def test_pages_are_quiet(staging: Staging, open_surface: Open, surface: str) -> None:
    """A page in good order writes no warning and no error to the browser's console."""
    said: list[str] = []

    def listen(page: Page) -> None:
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))

    screen = open_surface(surface, "true", listen)
    screen.on_lane("khala")
    screen.shows(staging.stimulate(WORKER))
    assert said == []


def test_the_dashboard_draws_its_five_panels(staging: Staging, viewer: Browser) -> None:
    """Five panels with units, UTC times and the current value; the mismatch rate has its threshold."""
    with viewer.new_context() as context:
        page = context.new_page()
        page.goto(staging.urls["dashboard"])
        expect(page.locator("[data-panel] svg")).to_have_count(5)
        names = ["mismatch_rate", "mismatch_count_rate", "failures_by_reason", "lag_drift_p95", "missing_documents"]
        panels = page.locator("[data-panel]")
        assert [panels.nth(at).get_attribute("data-panel") for at in range(5)] == names
        assert page.locator("svg .threshold-name").all_text_contents() == ["gate 1 %"]
        assert page.locator("svg text", has_text="time (UTC)").count() == 5
        expect(page.locator('[data-panel="mismatch_rate"] .legend')).to_have_text(re.compile(r"5m\s*\d.*%"))
        expect(page.locator("#auditor")).to_have_text("Auditor on")


def test_the_dashboard_counts_mismatches_by_reason(staging: Staging, viewer: Browser) -> None:
    """A document that never reached Khala turns up in the breakdown and among the cycles with mismatches."""
    with staging.fault("khala-drop"), viewer.new_context() as context:
        staging.stimulate(WORKER)
        page = context.new_page()
        page.goto(staging.urls["dashboard"])
        expect(page.locator("#reasons")).to_contain_text("hash_and_lag_drift", timeout=PATIENCE_MS)
        expect(page.locator('[data-cycles="mismatch"]')).not_to_have_text("0")
        expect(page.locator('[data-panel="failures_by_reason"] path.series')).not_to_have_count(0)
