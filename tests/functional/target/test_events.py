"""Where events come from when a target has no API for drills: requests, commands, and the drill's own listener."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.authority import told_workers
from drills.target.events import Awaited, CausedEvents, OrganicEvents
from drills.target.listener import Listener
from drills.target.profile.sources import Authority, CommandStimulus, HttpStimulus

TOPIC, PREFIX = "runtime.codex_worker_summaries", "runtime/codex_worker_summary:"
PATIENCE_SECONDS = 20


def update(worker: str, version: int, watermark: int) -> dict[str, object]:
    """Return one update as it is on the wire."""
    payload = {"status": "running"}
    return {"doc_key": f"{PREFIX}{worker}", "doc_version": version, "watermark": watermark, "payload": payload}


@dataclass
class Lane:
    """A new lane whose head is watermark 10: what it replays is old, what is pushed is new."""

    sockets: list[ServerConnection] = field(default_factory=list)
    refusing: bool = False
    tokens: list[str] = field(default_factory=list)

    def speak(self, socket: ServerConnection) -> None:
        """Answer a client until it goes."""
        assert socket.request is not None
        self.tokens.append(socket.request.path.partition("token=")[2])
        for text in socket:
            join, ref, topic, event, _ = json.loads(text)
            status = "error" if self.refusing else "ok"
            response = {"current_watermarks": [{"topic": TOPIC, "watermark": 10}]}
            if event == "sync:subscribe":
                self.push(socket, [update("w1", 4, 9)])
            socket.send(json.dumps([join, ref, topic, "phx_reply", {"status": status, "response": response}]))
            if event == "sync:subscribe" and not self.refusing:
                self.push(socket, [update("w1", 5, 10)])
                self.sockets.append(socket)

    def push(self, socket: ServerConnection, updates: list[dict[str, object]]) -> None:
        """Send a batch."""
        socket.send(json.dumps([None, None, "sync:v1", "sync:update_batch", {"updates": updates}]))


@pytest.fixture
def lane() -> Iterator[tuple[Lane, str]]:
    """A lane, and the address of its socket."""
    made = Lane()
    server: Server = serve(made.speak, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made, f"ws://127.0.0.1:{server.socket.getsockname()[1]}/sync/socket/websocket"
    server.shutdown()
    thread.join()


def listener_on(url: str) -> Listener:
    return Listener(url, TOPIC, PREFIX, lambda: "canary-sync-token")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_updates_are_heard_from_the_head_on(lane: tuple[Lane, str]) -> None:
    """What is replayed is not an event; the first update after one began to listen is. Other documents are not."""
    made, url = lane
    with listener_on(url) as listener:
        events = OrganicEvents(listener, 30)
        until(lambda: made.sockets and not listener.trouble)
        awaited = events.ask()
        assert awaited() is None
        made.push(made.sockets[0], [{"doc_key": "runtime/run_summary:r1", "doc_version": 1, "watermark": 11}])
        made.push(made.sockets[0], [update("w2", 3, 12), update("w3", 1, 13)])
        until(awaited)
        event = awaited()
    assert event is not None
    assert (event.worker_id, event.doc_key, event.seq, event.status) == ("w2", f"{PREFIX}w2", 3, "running")
    assert made.tokens == ["canary-sync-token"]


def test_an_ear_that_is_cut_off_comes_back(lane: tuple[Lane, str]) -> None:
    """And says meanwhile why it hears nothing, without its token."""
    made, url = lane
    with listener_on(url) as listener:
        until(lambda: made.sockets and not listener.trouble)
        made.sockets[0].close()
        until(lambda: listener.trouble)
        assert "canary" not in listener.trouble
        until(lambda: len(made.sockets) == 2 and not listener.trouble)
        awaited: Awaited = OrganicEvents(listener, 30).ask()
        made.push(made.sockets[1], [update("w2", 4, 14)])
        until(awaited)


def test_a_lane_that_refuses_is_told(lane: tuple[Lane, str]) -> None:
    """The reason ends up in the note of the check that had nothing to look at."""
    made, url = lane
    made.refusing = True
    with listener_on(url) as listener:
        until(lambda: "cannot be joined" in listener.trouble)


class Api(BaseHTTPRequestHandler):
    """Writes events, and tells what the authority knows."""

    def do_POST(self) -> None:
        """Write one."""
        content = self.rfile.read(int(self.headers["content-length"] or 0))
        self._answer({"data": {"id": "w7", "seq": 12, "asked": json.loads(content or b"null")}})

    def do_GET(self) -> None:
        """Tell what is known."""
        told = {"/ok": {"data": [{"worker_id": "w1", "latest_seq": 4, "status": "idle"}, {"other": 1}]}}
        self._answer(told.get(self.path, {"data": {}}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def api() -> Iterator[str]:
    """Where the API answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_event_is_caused_by_a_request(api: str, lane: tuple[Lane, str]) -> None:
    """The answer says which one it was; nothing need be heard."""
    settings = HttpStimulus(kind="http", url=api, body={"a": 1}, worker="/data/id", sequence="/data/seq")
    event = CausedEvents(settings, PREFIX, listener_on(lane[1])).ask()()
    assert event is not None
    assert (event.worker_id, event.doc_key, event.seq) == ("w7", f"{PREFIX}w7", 12)


def test_an_event_is_caused_by_a_command_that_prints_it(lane: tuple[Lane, str]) -> None:
    """A list of words, of which no shell knows."""
    argv = (sys.executable, "-c", 'print(\'{"w": "w8", "n": 3}\')')
    settings = CommandStimulus(kind="command", argv=argv, worker="/w", sequence="/n")
    event = CausedEvents(settings, PREFIX, listener_on(lane[1])).ask()()
    assert event is not None
    assert (event.worker_id, event.seq) == ("w8", 3)


def test_an_event_whose_answer_is_mute_is_heard(api: str, lane: tuple[Lane, str]) -> None:
    """Then it is the first update after it was asked for."""
    made, url = lane
    with listener_on(url) as listener:
        until(lambda: made.sockets and not listener.trouble)
        awaited = CausedEvents(HttpStimulus(kind="http", url=api), PREFIX, listener).ask()
        made.push(made.sockets[0], [update("w9", 2, 20)])
        until(awaited)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("-c", "print('<html>')"), "something else than JSON"),
        (("-c", "print('{}')"), "holds no worker at /w or no number at /n"),
    ],
)
def test_an_answer_without_an_event_is_told(argv: tuple[str, ...], told: str, lane: tuple[Lane, str]) -> None:
    """With the pointers that led nowhere."""
    settings = CommandStimulus(kind="command", argv=(sys.executable, *argv), worker="/w", sequence="/n")
    with pytest.raises(TargetUnreachable, match=told):
        CausedEvents(settings, PREFIX, listener_on(lane[1])).ask()


def test_a_command_that_fails_is_told(lane: tuple[Lane, str]) -> None:
    """Nothing is taken for an event."""
    settings = CommandStimulus(kind="command", argv=(sys.executable, "-c", "raise SystemExit(2)"))
    with pytest.raises(SwitchFailed, match=r"stimulus: .* ended with 2"):
        CausedEvents(settings, PREFIX, listener_on(lane[1])).ask()


def test_the_authority_is_asked_over_its_address(api: str) -> None:
    """Workers are read by the names that the profile gives; an answer without a list is told."""
    known = told_workers(Authority(url=f"{api}/ok", workers="/data"))
    assert {name: (state.seq, state.status) for name, state in known.items()} == {"w1": (4, "idle")}
    with pytest.raises(TargetUnreachable, match="holds no list at /data"):
        told_workers(Authority(url=f"{api}/other", workers="/data"))


def test_a_socket_that_nobody_serves_is_told() -> None:
    """The listener goes on trying; the drill goes on without."""
    with listener_on("ws://127.0.0.1:9/socket") as listener:
        until(lambda: "refused" in listener.trouble or "Connect" in listener.trouble)
