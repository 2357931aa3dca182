"""What a browser recorded comes out without secrets, and a viewer still opens it."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import playwright
import pytest
from playwright.sync_api import Browser, sync_playwright

from drills.errors import PublicationRefused, SecretFound
from drills.evidence import recordings
from drills.evidence.recordings import Scrubbed, publish_recordings, scrub_recordings
from drills.evidence.records import Recording
from drills.evidence.redaction import Redactor
from drills.target.chromium import find, launch_arguments
from tests.functional.evidence.looking import words_in, words_in_folder
from tests.functional.evidence.pages import CHANNELS, talkative

VIEWER = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "vite" / "traceViewer"
#: Words without blanks, as secrets are; each of its own.
WORDS = {channel: f"canary-{channel}-{number:02d}+x/9" for number, channel in enumerate(CHANNELS)}
#: Nobody tells the redactor of these: they are known by where they stand.
UNREGISTERED = frozenset({"password-input", "typed", "query-key", "bearer", "set-cookie", "socket-query"})


@dataclass(frozen=True)
class Recorded:
    """Raw recordings, and the same without secrets."""

    raw: Path
    published: Path
    browser: Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    choice = find()
    if choice is None:
        pytest.skip("no Chromium here")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=choice.executable, args=launch_arguments())
        yield started
        started.close()


@pytest.fixture(scope="module")
def recorded(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A visit to a talkative site, with everything on that a trace can record."""
    folder = tmp_path_factory.mktemp("recordings")
    with talkative(WORDS) as site:
        context = chromium.new_context(record_har_path=folder / "web.har", record_har_content="embed")
        context.tracing.start(snapshots=True, screenshots=True, sources=True)
        page = context.new_page()
        page.goto(f"{site}/?at={WORDS['address']}")
        page.evaluate("() => window.finished")
        page.fill("#password", WORDS["typed"])
        page.evaluate("word => word.length", WORDS["evaluate-argument"])
        page.evaluate("() => said['evaluate-result']")
        page.locator(f"text={WORDS['selector']}").count()
        context.storage_state()
        context.tracing.stop(path=folder / "web.zip")
        context.close()
    redactor = Redactor()
    for channel, word in WORDS.items():
        if channel not in UNREGISTERED:
            redactor.register(word, channel)
    published = publish_recordings(scrub_recordings(folder, redactor), tmp_path_factory.mktemp("out"), "A drill")
    return Recorded(folder, published, chromium)


def test_the_search_finds_every_word_in_the_raw_recordings(recorded: Recorded) -> None:
    """A search that sees nothing proves nothing: raw, each of the words is found in the trace or in the archive."""
    found = words_in_folder(recorded.raw, WORDS.values())

    assert sorted(word for word, names in found.items() if not names) == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_word_of_a_channel_is_published(channel: str, recorded: Recorded) -> None:
    """Neither trace nor archive holds what the site said, whether it was registered or known by its place."""
    found = words_in_folder(recorded.published, [WORDS[channel]])

    assert found == {WORDS[channel]: []}


def test_sources_stacks_and_pixels_are_dropped(recorded: Recorded) -> None:
    """Nothing is left in a trace but events, network and bodies of text."""
    with zipfile.ZipFile(recorded.raw / "web.zip") as raw, zipfile.ZipFile(recorded.published / "web.zip") as scrubbed:
        before, after = ({name.partition("/")[0] for name in archive.namelist()} for archive in (raw, scrubbed))

    assert before == {"trace.trace", "trace.network", "trace.stacks", "resources", "screencast", "src"}
    assert after == {"trace.trace", "trace.network", "resources"}


def test_a_folder_of_recordings_is_ignored_by_git(recorded: Recorded) -> None:
    """Recordings below a checkout are not committed by accident."""
    assert (recorded.published / ".gitignore").read_text() == "*\n"
    assert recorded.published.name == "a-drill"


@pytest.fixture(scope="module")
def viewer(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Playwright's own viewer, served with the scrubbed trace beside it."""
    site = tmp_path_factory.mktemp("viewer") / "site"
    shutil.copytree(VIEWER, site)
    shutil.copy(recorded.published / "web.zip", site)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing on standard error."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_trace_viewer_opens_a_scrubbed_trace(recorded: Recorded, viewer: str) -> None:
    """Actions, network, console and the page itself are shown; the viewer reports no error."""
    page = recorded.browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{viewer}/index.html?trace={viewer}/web.zip")
    page.get_by_text("Navigate", exact=True).first.click()
    page.get_by_role("tab", name="Network").click()
    page.get_by_text("socket", exact=False).first.wait_for()
    network = page.get_by_role("tabpanel", name="Network").inner_text()
    page.get_by_role("tab", name="Console").click()
    page.get_by_text("«redacted:console»").first.wait_for()
    snapshot = page.frame_locator("iframe.snapshot-visible").locator("p")
    snapshot.get_by_text("«redacted:page-text»").wait_for()
    titles = page.locator(".action-title").all_inner_texts()
    page.close()

    assert [title.splitlines()[0].split(" ")[0] for title in titles][:4] == ["Create", "Navigate", "Evaluate", "Fill"]
    assert [word for word in ("document", "html", "websocket", "application/json") if word not in network] == [
        "document"
    ]
    assert errors == []


def test_an_answer_is_served_from_a_scrubbed_archive(recorded: Recorded) -> None:
    """Playwright plays the HAR archive back: it is still one, with bodies in it."""
    context = recorded.browser.new_context()
    context.route_from_har(recorded.published / "web.har", not_found="abort")
    page = context.new_page()
    page.goto(_first_address(recorded.published / "web.har"))
    text = page.locator("body").inner_text()
    context.close()

    assert json.loads(text) == {"word": "«redacted:response-body»"}


def test_a_secret_that_slips_through_stops_the_publication(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan looks at the final bytes; the message names the recording and not the secret."""
    redactor = Redactor()
    redactor.register(WORDS["console"], "console")
    monkeypatch.setattr(recordings, "_scrubbed", lambda raw, _: tuple(_unscrubbed(raw)))

    with pytest.raises(SecretFound, match=r"web\.zip: console inside zip") as caught:
        scrub_recordings(recorded.raw, redactor)
    assert words_in(str(caught.value).encode(), WORDS.values()) == set()


def test_what_is_no_recording_is_refused_by_name(tmp_path: Path) -> None:
    """A torn archive is not handed out, and the message says which one it is."""
    (tmp_path / "web.zip").write_bytes(b"PK\x03\x04 and no more")

    with pytest.raises(PublicationRefused, match=r"web\.zip: a trace cannot be read"):
        scrub_recordings(tmp_path, Redactor())


def _unscrubbed(raw: dict[str, bytes]) -> Iterator[Scrubbed]:
    for name, content in raw.items():
        fact = Recording(path=name, media_type="application/zip", size=len(content), sha256="sha256:0", redactions=0)
        yield Scrubbed(content, fact)


def _first_address(har: Path) -> str:
    entries = json.loads(har.read_bytes())["log"]["entries"]
    return next(str(entry["request"]["url"]) for entry in entries if "/json" in entry["request"]["url"])
