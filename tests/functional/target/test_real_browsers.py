"""Pages with steps, applications that are joined, and browsers elsewhere: with a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from playwright._impl._driver import compute_driver_executable

from drills.clock import SYSTEM_CLOCK
from drills.errors import ConfigurationError, SwitchFailed, TargetUnreachable
from drills.restore.journal import Touched
from drills.restore.undo import Patience, undo
from drills.target.browser.starting import started_browser
from drills.target.chromium import find, launch_arguments
from drills.target.profile import Profile, parse_profile
from drills.target.recipes import HttpSwitchRecipe, PageSwitchRecipe
from drills.target.switches.build import build

ROOT = Path(__file__).parents[3]
REAL = ROOT / "tests" / "unit" / "target" / "real_staging.toml"
ADMIN = """<!doctype html><title>admin</title><form method=post action=/save>
<select id=parity name=parity><option>true</option><option>false</option></select>
<button id=save>save</button></form>"""
LOGIN = """<!doctype html><title>login</title><form method=post action=/login>
<input id=user name=user><input id=password name=password type=password><button id=sign-in>go</button></form>"""
ROWS = """<!doctype html><title>workers</title><table>
<tr class=worker data-id=w1><td class=seq>seq 7</td><td class=badge>Running</td></tr></table>
<script>fetch("/elsewhere"); fetch(OTHER + "/foreign", {mode: "no-cors"});</script>"""


class Site(BaseHTTPRequestHandler):
    """An admin page with a login, and a surface; it notes the headers of each request."""

    parity: ClassVar[str]
    other: ClassVar[str]
    seen: ClassVar[list[tuple[str, str | None, str | None]]]

    def do_GET(self) -> None:
        """Answer with a page; the admin page and the surface want the session's cookie."""
        self.seen.append((self.path, self.headers["x-edge-key"], self.headers["authorization"]))
        if self.path == "/parity.json":
            self._answer(json.dumps({"enabled": self.parity}), "application/json")
        elif self.path == "/" and "session=ok" not in (self.headers["cookie"] or ""):
            self._answer(LOGIN)
        elif self.path.startswith("/rows") and "session=ok" not in (self.headers["cookie"] or ""):
            self._redirect("/")
        else:
            self._answer(ROWS.replace("OTHER", json.dumps(self.other)) if self.path.startswith("/rows") else ADMIN)

    def do_POST(self) -> None:
        """Let in whoever knows the password, or save the setting."""
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        if self.path == "/save":
            type(self).parity = form["parity"][0]
        right = form.get("password") == ["canary-password"]
        self._redirect("/admin" if self.path == "/save" or right else "/", "session=ok" if right else None)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _redirect(self, to: str, cookie: str | None = None) -> None:
        self.send_response(303)
        self.send_header("location", to)
        if cookie:
            self.send_header("set-cookie", cookie)
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self, text: str, kind: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def serving() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the pages are; a second server of the same kind is a foreign origin."""
    if find() is None:
        pytest.skip("no Chromium here")
    monkeypatch.setenv("ADMIN_PASSWORD", "canary-password")
    monkeypatch.setenv("STAGING_PASSWORD", "canary-password")
    monkeypatch.setenv("EDGE_KEY", "canary-edge")
    here, there = serving(), serving()
    Site.parity, Site.seen, Site.other = "true", [], f"http://127.0.0.1:{there.server_port}"
    yield f"http://127.0.0.1:{here.server_port}"
    for server in (here, there):
        server.shutdown()
        server.server_close()


def page_recipe(site: str, **fields: object) -> PageSwitchRecipe:
    return PageSwitchRecipe.model_validate(
        {
            "switch": "parity-auditor",
            "url": f"{site}/",
            "login": [
                {"fill": "#user", "text": "drill"},
                {"fill": "#password", "secret": {"env": "ADMIN_PASSWORD"}},
                {"click": "#sign-in"},
            ],
            "steps": [{"select": "#parity", "text": "{value}"}, {"click": "#save"}, {"wait": "#save"}],
            "read": {"kind": "http", "url": f"{site}/parity.json", "pointer": "/enabled"},
            **fields,
        }
    )


def test_a_switch_on_a_page_is_set_by_steps_and_put_back_from_its_recipe(site: str) -> None:
    """The drill sets it; another process, which knows nothing but the journal's recipe, puts it back the same way."""
    recipe = page_recipe(site)
    one = build(recipe)
    assert one.read() == "true"
    one.ask("false")
    assert (one.read(), Site.parity) == ("false", "false")
    rebuilt = build(PageSwitchRecipe.model_validate_json(recipe.model_dump_json()))
    touched = Touched("parity-auditor", "true", "true", "false", True, SYSTEM_CLOCK.now(), recipe)  # noqa: FBT003 - confirmed
    (line,) = undo(
        [touched],
        {"parity-auditor": rebuilt},
        by="watchdog",
        clock=SYSTEM_CLOCK,
        pause=time.sleep,
        record=lambda _: None,
        patience=Patience(timeout=30),
    )
    assert (line.restored, Site.parity) == (True, "true")


def test_a_step_that_cannot_be_done_is_named_without_what_was_typed(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed page, a wrong password, a secret that is not there, a page that hangs: a line each."""
    late = {"by_value": {"false": [{"click": "#gone"}]}, "timeout_seconds": 4}
    with pytest.raises(SwitchFailed, match="took longer than 4 s") as caught:
        build(page_recipe(site, **late)).ask("false")
    assert "canary" not in str(caught.value)
    with pytest.raises(SwitchFailed, match=r"step 4 on .* \(goto http://127\.0\.0\.1:9/\): "):
        build(page_recipe(site, steps=[{"goto": "http://127.0.0.1:9/"}])).ask("false")
    monkeypatch.delenv("ADMIN_PASSWORD")
    with pytest.raises(SwitchFailed, match="ADMIN_PASSWORD is not set"):
        build(page_recipe(site)).ask("false")
    assert Site.parity == "true"


@pytest.fixture
def profile(site: str, tmp_path: Path) -> Callable[..., Profile]:
    """Makes profiles whose web admin is the surface of the site."""
    page = (ROOT / "docs" / "targets.md").read_text()
    login = page.split("```toml\nurl = ", 1)[1].split("```")[0]
    local = f"url = {login}".replace("https://admin.example/login", f"{site}/").replace("tr.worker", "#save")
    (tmp_path / "web-login.toml").write_text(local)

    def make(**surface: object) -> Profile:
        document = tomllib.loads(REAL.read_text())
        document["surfaces"] = {
            "web": {
                "title": "Web admin",
                "url": f"{site}/rows",
                "selectors": {"any_row": "tr.worker", "identifier": "data-id", "sequence": ".seq", "status": ".badge"},
                "legacy": {"request": f"{site}/elsewhere", "interval_seconds": 1},
                **surface,
            }
        }
        return parse_profile(document, "test")

    return make


def test_a_surface_behind_a_login_is_opened_with_headers_for_its_own_origin(
    profile: Callable[..., Profile], tmp_path: Path
) -> None:
    """The steps of docs/targets.md sign in; rows are read where the profile says; no header goes elsewhere."""
    made = profile(kind="browser", login=str(tmp_path / "web-login.toml"), headers={"X-Edge-Key": {"env": "EDGE_KEY"}})
    with started_browser(made) as browser:
        page = browser.surface("web")
        page.open()
        assert browser.wait_until(page.rows, 10)
        assert {name: (row.seq, row.status) for name, row in page.shown().items()} == {"w1": (7, "running")}
        assert page.shown_at("w1", 7) is not None
        assert browser.wait_until(lambda: any(path == "/foreign" for path, *_ in Site.seen), 10)
    keys = {path: key for path, key, _ in Site.seen if path in {"/rows", "/elsewhere", "/foreign"}}
    assert keys == {"/rows": "canary-edge", "/elsewhere": "canary-edge", "/foreign": None}


def test_a_login_that_does_not_work_is_told(
    profile: Callable[..., Profile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the step that it stopped at, and where to look."""
    monkeypatch.setattr("drills.target.browser.walk.STEP_MS", 1500)
    monkeypatch.setenv("STAGING_PASSWORD", "canary-wrong")
    made = profile(kind="browser", login=str(tmp_path / "web-login.toml"))
    stopped = pytest.raises(TargetUnreachable, match=r"signing in: step 4 on .* \(wait #save\)")
    with started_browser(made) as browser, stopped as caught:
        browser.surface("web").open()
    assert "canary" not in str(caught.value)


def test_an_engine_or_a_device_that_is_not_there_is_told(
    profile: Callable[..., Profile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs the one, and where the names of the other are."""
    chromium = find()
    assert chromium is not None
    monkeypatch.setenv("DRILL_BROWSER", str(chromium.executable))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "no-engines"))
    with started_browser(profile(kind="browser", engine="webkit")) as browser:
        with pytest.raises(TargetUnreachable, match="webkit does not start") as caught:
            browser.surface("web").open()
        assert caught.value.remedy == "python3 -m playwright install --with-deps webkit"
    unknown = pytest.raises(ConfigurationError, match="Playwright knows no device 'Fridge'")
    with started_browser(profile(kind="browser", device="Fridge")) as browser, unknown:
        browser.surface("web").open()


def rows_of(made: Profile) -> int:
    with started_browser(made) as browser:
        page = browser.surface("web")
        page.open()
        browser.wait_until(page.rows, 10)
        return page.rows()


def test_an_application_is_started_and_joined_over_its_debugging_port(
    profile: Callable[..., Profile], tmp_path: Path
) -> None:
    """It is started when nothing answers there, and ends with the drill; no address has to be told by anybody."""
    chromium = find()
    assert chromium is not None
    port = free_port()
    flags = [*launch_arguments(), "--headless=new", f"--user-data-dir={tmp_path / 'profile'}", "about:blank"]
    command = [str(chromium.executable), f"--remote-debugging-port={port}", *flags]
    made = profile(
        kind="cdp", endpoint=f"http://127.0.0.1:{port}", launch=command, login=str(tmp_path / "web-login.toml")
    )
    assert rows_of(made) == 1
    with pytest.raises(TargetUnreachable, match="cannot be joined at http://127"):
        rows_of(made.model_copy(update={"surfaces": {"web": made.surfaces["web"].model_copy(update={"launch": None})}}))


def test_a_browser_of_a_playwright_server_is_used(profile: Callable[..., Profile], tmp_path: Path) -> None:
    """Playwright's own server, on this machine; a server that is not there is told."""
    port, chromium = free_port(), find()
    assert chromium is not None
    node, driver = compute_driver_executable()
    config = tmp_path / "server.json"
    config.write_text(
        json.dumps(
            {
                "port": port,
                "host": "127.0.0.1",
                "wsPath": "/",
                "executablePath": str(chromium.executable),
                "args": launch_arguments(),
            }
        )
    )
    command = [str(node), str(driver), "launch-server", "--browser", "chromium", "--config", str(config)]
    made = profile(kind="remote", endpoint=f"ws://127.0.0.1:{port}/", login=str(tmp_path / "web-login.toml"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("ws://")
        assert rows_of(made) == 1
        server.terminate()
    with pytest.raises(TargetUnreachable, match=f"cannot be joined at ws://127.0.0.1:{port}"):
        rows_of(made)


def test_a_browser_of_a_webdriver_server_is_used(profile: Callable[..., Profile], tmp_path: Path) -> None:
    """As of a Selenium Grid with Chromium nodes; the session is ended with the drill."""
    program = shutil.which("chromedriver")
    if program is None:
        pytest.skip("no chromedriver here")
    port = free_port()
    made = profile(kind="remote", endpoint=f"http://127.0.0.1:{port}", login=str(tmp_path / "web-login.toml"))
    with subprocess.Popen([program, f"--port={port}"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while "started successfully" not in server.stdout.readline():
            pass
        assert rows_of(made) == 1
        server.terminate()


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        return server.server_port


def test_the_steps_are_a_program_of_their_own(site: str) -> None:
    """What the watchdog runs needs a recipe on standard input and nothing else; it says why it could not."""
    recipe = page_recipe(site, read=HttpSwitchRecipe(url=f"{site}/parity.json", pointer="/enabled"))
    command = [sys.executable, "-m", "drills.target.browser.setting", "false"]
    done = subprocess.run(command, input=recipe.model_dump_json(), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr, Site.parity) == (0, "", "false")
