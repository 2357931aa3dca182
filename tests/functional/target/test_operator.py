"""The operator API of a target, its lease and its tokens, over real HTTP: what is asked, and what a refusal becomes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drills.errors import LeaseHeld, SafetyNetLost, TargetUnreachable
from drills.target.khala import mint_token
from drills.target.operator import OperatorClient
from drills.target.remote_lease import RemoteLease, force_unlock

Answer = tuple[int, object]

HELD = {"token": 3, "owner": "alice", "drill_id": "drill-0", "expires_at": "2026-11-24T10:00:00Z", "baseline": {}}
SESSION = {"Authorization": "Bearer canary-session"}


class Api:
    """A server that answers as a test decides and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, object]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                api.asked.append((self.command, self.path, body))
                path = self.path.partition("?")[0]
                status, content = api.answers.get(f"{self.command} {path}", api.answers.get(path, (404, {})))
                payload = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class names them so

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        return Handler


@pytest.fixture
def api() -> Iterator[Api]:
    """An operator API."""
    server = Api()
    yield server
    server.close()


@pytest.fixture
def operator(api: Api) -> Iterator[OperatorClient]:
    """A client of it."""
    with OperatorClient(api.url, "canary-token") as client:
        yield client


def lease_of(operator: OperatorClient, seconds: float = 5) -> RemoteLease:
    """Return a lease that was not taken yet."""
    return RemoteLease(operator, owner="someone", drill_id="drill-1", seconds=seconds, target="staging.toml")


def test_an_event_is_asked_for_by_worker(api: Api, operator: OperatorClient) -> None:
    """What comes back says which row must show what."""
    event = {"id": "w1", "doc_key": "d/w1", "seq": 4, "status": "idle", "occurred_at": 1.0}
    api.answers["/stimulus"] = (200, {"data": event})
    stimulus = operator.write_event("w1")
    assert (stimulus.worker_id, stimulus.doc_key, stimulus.seq, stimulus.status) == ("w1", "d/w1", 4, "idle")
    assert api.asked == [("POST", "/stimulus", {"entity": "codex_worker", "id": "w1"})]


@pytest.mark.parametrize("answer", [(500, {}), (401, {}), (302, {}), (200, b"<html>")], ids=str)
def test_what_is_no_answer_is_an_unreachable_target(api: Api, operator: OperatorClient, answer: Answer) -> None:
    """Errors, refusals, redirects and login pages are told with method and path."""
    api.answers["/authority"] = answer
    with pytest.raises(TargetUnreachable, match="GET /authority"):
        operator.authority()


def test_a_lease_is_taken_renewed_with_the_baseline_and_given_back(api: Api, operator: OperatorClient) -> None:
    """The target knows what to go back to of its own switches, and the fencing token goes along."""
    api.answers["/lease"] = (200, {"data": {"token": 7}})
    api.answers["/switches"] = (200, {"switches": [{"id": "web", "key": "WEB", "value": "false"}]})
    lease = lease_of(operator)
    lease.take()
    lease.protect({"web": "false", "elsewhere": "off"})
    lease.release()
    (_, _, taken), _, (_, _, renewed), (method, path, _) = api.asked
    assert isinstance(taken, dict)
    assert isinstance(renewed, dict)
    assert (taken["baseline"], renewed["baseline"], renewed["token"]) == ({}, {"web": "false"}, 7)
    assert (method, path) == ("DELETE", "/lease?token=7")


def test_a_lease_that_somebody_holds_is_waited_for_and_then_refused(api: Api, operator: OperatorClient) -> None:
    """A dead drill's lease runs out; a living one's does not, and who wants it all the same is told what to type."""
    api.answers["PUT /lease"] = (409, {"error": {"message": "drill drill-0 of alice holds it"}})
    api.answers["GET /lease"] = (200, {"data": HELD})
    with pytest.raises(LeaseHeld, match="leased by drill drill-0 of alice, until 2026-11-24 10:00:00 UTC") as raised:
        lease_of(operator, seconds=-1.5).take()
    assert "drill restore --force-unlock drill-0 --target staging.toml" in str(raised.value)
    assert len(api.asked) >= 3


def test_the_command_to_take_over_holds_nothing_but_words(api: Api, operator: OperatorClient) -> None:
    """A person will type it: what the target says of its holder is quoted, and runs as no command."""
    api.answers["PUT /lease"] = (409, {"error": {"message": "somebody holds it"}})
    api.answers["GET /lease"] = (200, {"data": HELD | {"drill_id": "drill-0; canary"}})
    with pytest.raises(LeaseHeld, match=r"--force-unlock 'drill-0; canary' --target staging\.toml`"):
        lease_of(operator, seconds=-1.5).take()


def test_a_lease_that_ended_after_the_refusal_is_not_taken_over(api: Api, operator: OperatorClient) -> None:
    """Nobody is named who has it no longer."""
    api.answers["PUT /lease"] = (409, {"error": {"message": "drill drill-0 of alice holds it"}})
    api.answers["GET /lease"] = (200, {"data": None})
    with pytest.raises(LeaseHeld, match="run the drill again"):
        lease_of(operator, seconds=-1.5).take()


@pytest.mark.parametrize("held", [None, HELD], ids=["nobody", "another"])
def test_only_the_lease_of_the_drill_that_is_named_is_taken_away(
    api: Api, operator: OperatorClient, held: object
) -> None:
    """The target is asked for nothing when nobody has the lease, or somebody else."""
    api.answers["GET /lease"] = (200, {"data": held})
    assert force_unlock(operator, "drill-9") is None
    assert [method for method, _, _ in api.asked] == ["GET"]


@pytest.mark.parametrize("status", [409, 422, 401])
def test_a_lease_that_is_not_renewed_is_a_lost_net(api: Api, operator: OperatorClient, status: int) -> None:
    """It ran out, or the target would not go back as it was told: nothing may be flipped any more."""
    api.answers["/lease"] = (status, {"error": {"message": "lease 7 is over"}})
    with pytest.raises(SafetyNetLost, match="lease 7 is over"):
        lease_of(operator).renew()


@pytest.mark.parametrize("answer", [(503, {}), (200, b"<html>"), (200, {"data": {}})], ids=["down", "page", "other"])
def test_a_lease_api_that_does_not_answer_is_told(api: Api, operator: OperatorClient, answer: Answer) -> None:
    """No lease is guessed from it."""
    api.answers["/lease"] = answer
    with pytest.raises(TargetUnreachable, match="lease"):
        lease_of(operator).take()


def test_a_token_is_registered_as_soon_as_it_is_known(api: Api) -> None:
    """So that it is redacted wherever it turns up."""
    api.answers["/token"] = (200, {"data": {"token": "canary-sync-token"}})
    known: list[str] = []
    assert mint_token(f"{api.url}/token", SESSION, "topic", known.append) == "canary-sync-token"
    assert known == ["canary-sync-token"]


@pytest.mark.parametrize("answer", [(401, {}), (200, {}), (200, b"<html>")], ids=["refused", "empty", "page"])
def test_no_token_is_told_without_the_session(api: Api, answer: Answer) -> None:
    """The message names the address, never the secret."""
    api.answers["/token"] = answer
    with pytest.raises(TargetUnreachable, match="no sync token") as caught:
        mint_token(f"{api.url}/token", SESSION, "topic", lambda _: None)
    assert "canary-session" not in str(caught.value)
