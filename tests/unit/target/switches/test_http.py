"""The HTTP switch, against real servers: what it reads, what it asks, and what it refuses to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drills.errors import ProfileInvalid, SwitchFailed, TargetUnreachable
from drills.target.exchange import MAXIMUM_ANSWER, resolve
from drills.target.ports import HttpSwitchRecipe, SecretReference
from drills.target.switches.http import HttpSwitch


@dataclass
class Script:
    """What a server answers, and what it was sent: method, authorization and body of each request."""

    status: int = 200
    body: bytes = b'{"value": "true"}'
    headers: dict[str, str] = field(default_factory=dict)
    drip: threading.Event | None = None
    seen: list[tuple[str, str | None, bytes]] = field(default_factory=list)


class ScriptedServer(ThreadingHTTPServer):
    """A server on a free loopback port that answers as its script says."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen."""
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.script = Script()

    @property
    def url(self) -> str:
        """Return the address of its one switch."""
        return f"http://127.0.0.1:{self.server_port}/switches/web"


class ScriptedHandler(BaseHTTPRequestHandler):
    """One request."""

    server: ScriptedServer

    def do_GET(self) -> None:
        """Answer."""
        script = self.server.script
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        script.seen.append((self.command, self.headers["authorization"], body))
        self.send_response(script.status)
        for name, value in script.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(script.body)))
        self.end_headers()
        try:
            self._send(script)
        except ConnectionError:
            self.close_connection = True

    def do_PUT(self) -> None:
        """Answer as to a GET."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _send(self, script: Script) -> None:
        if script.drip is None:
            self.wfile.write(script.body)
            return
        for byte in script.body:
            self.wfile.write(bytes([byte]))
            if script.drip.wait(0.02):
                return


@pytest.fixture
def servers() -> Iterator[Callable[[], ScriptedServer]]:
    running: list[ScriptedServer] = []

    def start() -> ScriptedServer:
        server = ScriptedServer()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(servers: Callable[[], ScriptedServer]) -> ScriptedServer:
    return servers()


def switch(
    url: str,
    *,
    pointer: str = "/value",
    state_pointer: str | None = None,
    token: SecretReference | None = None,
    timeout_seconds: float = 5,
) -> HttpSwitch:
    return HttpSwitch(
        HttpSwitchRecipe(
            switch="web",
            url=url,
            pointer=pointer,
            state_pointer=state_pointer,
            token=token,
            timeout_seconds=timeout_seconds,
        )
    )


def test_a_switch_carries_its_recipe(server: ScriptedServer) -> None:
    """From what a switch says of itself, another process builds the same switch; building sends nothing."""
    one = switch(server.url)
    assert (one.id, HttpSwitch(one.recipe).recipe, server.script.seen) == ("web", one.recipe, [])


@pytest.mark.parametrize(
    ("answer", "pointer", "value"),
    [
        (b'{"value": "dual"}', "/value", "dual"),
        (b'{"value": true}', "/value", "true"),
        (b'{"value": 30}', "/value", "30"),
        (b'{"value": 0.5}', "/value", "0.5"),
        (b'{"data": [{"a/b": {"m~n": "deep"}}]}', "/data/0/a~1b/m~0n", "deep"),
        (b'"bare"', "", "bare"),
    ],
)
def test_values_are_read_where_the_pointer_leads(
    server: ScriptedServer, answer: bytes, pointer: str, value: str
) -> None:
    """Texts are taken as they are, truth values and numbers as JSON writes them, at any depth (RFC 6901)."""
    server.script.body = answer
    assert switch(server.url, pointer=pointer).read() == value


@pytest.mark.parametrize("answer", [b'{"value": null}', b"{}", b"[]", b"oops", b"", b'{"value": {"deep": 1}}'])
def test_an_answer_without_a_value_is_no_answer(server: ScriptedServer, answer: bytes) -> None:
    """A switch that may be starting has no value yet; that is not taken for one."""
    server.script.body = answer
    with pytest.raises(TargetUnreachable, match="switch web: the answer of"):
        switch(server.url).read()


def test_a_switch_under_way_has_no_value(server: ScriptedServer) -> None:
    """Where the API tells that a change is under way, the value it still shows is not believed."""
    one = switch(server.url, state_pointer="/state")
    server.script.body = b'{"value": "true", "state": "busy"}'
    with pytest.raises(TargetUnreachable, match="switch web is busy"):
        one.read()
    server.script.body = b'{"value": "true", "state": "ready"}'
    assert one.read() == "true"


def test_asking_sends_the_value(server: ScriptedServer) -> None:
    """A change is one PUT of the value, and an answer of acceptance is enough."""
    server.script.status, server.script.body = 202, b""
    switch(server.url).ask("convex-only")
    assert server.script.seen == [("PUT", None, b'{"value":"convex-only"}')]


def test_the_token_is_looked_up_at_each_use(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A token in the environment or in a file is read when it is needed, not before, and sent as a bearer."""
    one = switch(server.url, token=SecretReference(env="OPERATOR"))
    monkeypatch.setenv("OPERATOR", "canary-first")
    one.read()
    monkeypatch.setenv("OPERATOR", "canary-second")
    one.read()
    (tmp_path / "token").write_text("canary-third\n")
    switch(server.url, token=SecretReference(file=tmp_path / "token")).read()
    assert [authorization for _method, authorization, _body in server.script.seen] == [
        "Bearer canary-first", "Bearer canary-second", "Bearer canary-third",
    ]  # fmt: skip


def test_a_missing_token_is_told_before_anything_is_sent(server: ScriptedServer) -> None:
    """Without its token the switch says which one, and sends nothing."""
    with pytest.raises(ProfileInvalid, match="NO_SUCH_TOKEN is not set"):
        switch(server.url, token=SecretReference(env="NO_SUCH_TOKEN")).read()
    assert server.script.seen == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_told_in_the_targets_words(
    server: ScriptedServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal carries status and reason, cleared of control characters, and never the token."""
    monkeypatch.setenv("OPERATOR", "canary-token")
    server.script.status = status
    server.script.body = b'{"error": {"message": "not \\u001b[31mlike\\n this"}}'
    with pytest.raises(SwitchFailed, match=rf"answered {status} \(not \[31mlike this\)") as refused:
        switch(server.url, token=SecretReference(env="OPERATOR")).ask("true")
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("body", [b"<html>", b'{"error": "text"}'])
def test_a_refusal_without_words_is_told_by_its_status(server: ScriptedServer, body: bytes) -> None:
    """An error page of any other shape does not get in the way."""
    server.script.status, server.script.body = 404, body
    with pytest.raises(SwitchFailed, match=r"answered 404\n"):
        switch(server.url).read()


@pytest.mark.parametrize("status", [500, 502, 503, 409, 429])
def test_trouble_that_may_pass_is_not_a_refusal(server: ScriptedServer, status: int) -> None:
    """A server that is starting, busy or overloaded counts as not reached, so that it is tried again."""
    server.script.status = status
    with pytest.raises(TargetUnreachable, match=f"answered {status}"):
        switch(server.url).read()


def test_no_redirect_is_followed(servers: Callable[[], ScriptedServer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect is a refusal: the token is not carried to where it points."""
    monkeypatch.setenv("OPERATOR", "canary-token")
    here, there = servers(), servers()
    here.script.status, here.script.headers = 307, {"location": there.url}
    with pytest.raises(SwitchFailed, match="answered 307"):
        switch(here.url, token=SecretReference(env="OPERATOR")).read()
    assert there.script.seen == []


def test_no_proxy_of_the_environment_is_used(
    servers: Callable[[], ScriptedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever proxies the environment names, requests go to the target itself."""
    target, proxy = servers(), servers()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    switch(target.url).read()
    assert (len(target.script.seen), proxy.script.seen) == (1, [])


def test_an_answer_has_a_largest_size(server: ScriptedServer) -> None:
    """An endless answer is cut off."""
    server.script.body = b'{"value": "' + b"x" * MAXIMUM_ANSWER + b'"}'
    with pytest.raises(TargetUnreachable, match="larger than 65,536 bytes"):
        switch(server.url).read()


def test_an_answer_has_a_longest_time(server: ScriptedServer) -> None:
    """A server that drips bytes just before each time-out does not hold the drill up."""
    server.script.drip = threading.Event()
    server.script.body = b'{"value": "' + b"x" * 1000 + b'"}'
    try:
        with pytest.raises(TargetUnreachable, match=r"takes longer than 0\.2 s"):
            switch(server.url, timeout_seconds=0.2).read()
    finally:
        server.script.drip.set()


def test_nobody_there_is_told(servers: Callable[[], ScriptedServer]) -> None:
    """A target that is gone is unreachable, with the address and the reason."""
    server = servers()
    server.shutdown()
    server.server_close()
    with pytest.raises(TargetUnreachable, match=rf"no answer from {server.url}: .+"):
        switch(server.url).read()


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[fe80::1]/web", "http://[::ffff:a9fe:a9fe]/"])
def test_link_local_addresses_are_not_contacted(url: str) -> None:
    """The addresses where clouds hand out credentials are refused."""
    with pytest.raises(SwitchFailed, match="link-local"):
        switch(url).read()


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/web"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    """An address that cannot be asked over HTTP fails as a target does, not with a traceback."""
    with pytest.raises(TargetUnreachable, match="no answer from"):
        switch(url).read()


@pytest.mark.parametrize("pointer", ["/a/b", "/list/9", "/list/x", "/text/0"])
def test_a_pointer_that_leads_nowhere_finds_nothing(pointer: str) -> None:
    """What is not there is None, whatever stands in the way."""
    assert resolve({"a": None, "list": [1], "text": "x"}, pointer) is None
