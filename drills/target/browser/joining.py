"""Browsers that run elsewhere: applications with a debugging port, Playwright servers, WebDriver servers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import orjson
from playwright.sync_api import Browser, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.chromium import launch_arguments
from drills.target.commands import FOR_WINDOWS, passed_on
from drills.target.exchange import Request, demand, document, resolve, send
from drills.target.profile import Surface

OK = 200
JOIN_MS, LAUNCH_SECONDS, POLL_SECONDS = 15_000, 30.0, 0.1
#: Where a new WebDriver session tells its debugging address: Selenium Grid's way, and a driver's own.
SESSION_ADDRESSES = ("/value/capabilities/se:cdp", "/value/capabilities/goog:chromeOptions/debuggerAddress")


class Joined:
    """What a drill joined or started outside its own browser; ``close`` lets go of it, and ends what was started."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._open = ExitStack()
        self._launched: dict[str, subprocess.Popen[bytes]] = {}

    def application(self, surface: Surface) -> Browser:
        """Return the application that ``surface`` describes, started when nothing answers.

        Raises:
            TargetUnreachable: it cannot be joined.
        """
        if surface.launch and not _answers(surface):
            self._launch(surface)
        return self._connect(surface.title, _debugging_address(surface))

    def remote(self, surface: Surface) -> Browser:
        """Return the browser elsewhere in which ``surface`` is opened.

        Raises:
            TargetUnreachable: it cannot be had.
        """
        endpoint = str(surface.endpoint)
        if endpoint.startswith("http"):
            return self._connect(surface.title, self._session(surface, endpoint.rstrip("/")))
        try:
            browser = getattr(self._playwright, surface.engine).connect(endpoint, timeout=JOIN_MS)
        except PlaywrightError as error:
            raise _not_joined(surface.title, endpoint, error) from None
        self._open.callback(browser.close)
        assert isinstance(browser, Browser)  # noqa: S101 - each engine gives one
        return browser

    def close(self) -> None:
        """Let go of everything, in reverse order."""
        self._open.close()

    def _connect(self, title: str, address: str) -> Browser:
        try:
            return self._playwright.chromium.connect_over_cdp(address, timeout=JOIN_MS)
        except PlaywrightError as error:
            raise _not_joined(title, address, error) from None

    def _session(self, surface: Surface, server: str) -> str:
        """Begin a WebDriver session and return its debugging address."""
        chrome = {"args": ["--headless=new", *launch_arguments()]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": chrome}}}
        request = Request(
            surface.title, "POST", f"{server}/session", {"content-type": "application/json"}, orjson.dumps(wanted)
        )
        try:
            answered = document(demand(request), request)
        except SwitchFailed as error:
            raise TargetUnreachable(error.message, remedy="look at the log of the WebDriver server") from None
        session = resolve(answered, "/value/sessionId")
        self._open.callback(lambda: _end_session(f"{server}/session/{session}"))
        found = next((one for place in SESSION_ADDRESSES if isinstance(one := resolve(answered, place), str)), None)
        if found is None:
            raise TargetUnreachable(
                f"{surface.title}: {server} gives no debugging address", remedy="use a Chromium node"
            )
        return found if "://" in found else f"http://{found}"

    def _launch(self, surface: Surface) -> None:
        assert surface.launch is not None  # noqa: S101 - asked before
        try:
            process = subprocess.Popen(  # noqa: S603 - the profile's own words, no shell
                list(surface.launch),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=passed_on(FOR_WINDOWS),
                start_new_session=True,
            )
        except OSError as error:
            raise TargetUnreachable(f"{surface.title}: {surface.launch[0]} does not start: {error.strerror}") from None
        self._open.callback(lambda: _end(process))
        deadline = time.monotonic() + LAUNCH_SECONDS
        while not _answers(surface) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(POLL_SECONDS)


def page_of(browser: Browser, surface: Surface) -> Page:
    """Return the page of an application: the one that shows the surface's address, or else its first.

    Raises:
        TargetUnreachable: it has no open window.
    """
    pages = [page for context in browser.contexts for page in context.pages]
    if not pages:
        raise TargetUnreachable(f"{surface.title} has no open window to join", remedy="look at the surface's own log")
    return next((page for page in pages if page.url.startswith(surface.url)), pages[0])


def _debugging_address(surface: Surface) -> str:
    if surface.endpoint_pointer is None:
        return str(surface.endpoint)
    request = Request(surface.title, "GET", str(surface.endpoint), timeout_seconds=5)
    found = resolve(document(demand(request), request), surface.endpoint_pointer)
    if not isinstance(found, str):
        raise TargetUnreachable(f"{surface.title} has no open window to join", remedy="look at the surface's own log")
    return found


def _answers(surface: Surface) -> bool:
    place = "" if surface.endpoint_pointer is not None else "/json/version"
    endpoint = str(surface.endpoint).rstrip("/").replace("ws://", "http://", 1)
    try:
        return send(Request(surface.title, "GET", f"{endpoint}{place}", timeout_seconds=2)).status == OK
    except (TargetUnreachable, SwitchFailed):
        return False


def _end_session(address: str) -> None:
    with suppress(TargetUnreachable, SwitchFailed):
        send(Request("WebDriver session", "DELETE", address, timeout_seconds=10))


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _not_joined(title: str, address: str, error: PlaywrightError) -> TargetUnreachable:
    where = urlsplit(address)
    return TargetUnreachable(
        f"{title} cannot be joined at {where.scheme}://{where.netloc.rpartition('@')[2]}: "
        f"{error.message.splitlines()[0]}",
        remedy="drill doctor",
    )
