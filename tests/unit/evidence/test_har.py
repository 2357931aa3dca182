"""What a browser recorded as JSON: private by name, by place, and inside what it is wrapped in."""

from __future__ import annotations

import base64
import json

import jwt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from drills.errors import PublicationRefused
from drills.evidence.har import RecordedJson, scrubbed_har
from drills.evidence.redaction import Redactor

TOLD = "canary-told/of+by name"
#: What nobody told of, in its place; what comes out instead.
PLACES: dict[str, tuple[JsonValue, JsonValue]] = {
    "header": ({"name": "Authorization", "value": "canary"}, {"name": "Authorization", "value": "«redacted:member»"}),
    "cookie": (
        {"cookies": [{"name": "a", "value": "canary"}]},
        {"cookies": [{"name": "a", "value": "«redacted:member»"}]},
    ),
    "storage": (
        {"localStorage": [{"name": "a", "value": "canary"}]},
        {"localStorage": [{"name": "a", "value": "«redacted:member»"}]},
    ),
    "query": ({"name": "api_key", "value": "canary"}, {"name": "api_key", "value": "«redacted:member»"}),
    "other pair": ({"name": "vsn", "value": "2.0.0"}, {"name": "vsn", "value": "2.0.0"}),
    "typed": (
        {"method": "fill", "params": {"selector": "#a", "value": "canary"}},
        {"method": "fill", "params": {"selector": "#a", "value": "«redacted:member»"}},
    ),
    "typed, in the log": ('  fill("canary")', '  fill("«redacted:typed»")'),
    "field of a form": (
        ["INPUT", {"type": "password", "__playwright_value_": "canary"}],
        ["INPUT", {"type": "password", "__playwright_value_": "«redacted:member»"}],
    ),
    "evaluated object": (
        {"o": [{"k": "token", "v": {"s": "canary"}}]},
        {"o": [{"k": "token", "v": "«redacted:member»"}]},
    ),
    "json in a string": ('{"a": {"password": "canary"}}', '{"a":{"password":"«redacted:member»"}}'),
    "element in a page": ("<input type='password' value='canary'>", "<input type='password' value='«redacted:field»'>"),
    "a list behind a private name": ({"auth": ["a"]}, {"auth": ["a"]}),
    "times and sizes": (
        {"time": 1.5, "status": 200, "ok": True, "none": None},
        {"time": 1.5, "status": 200, "ok": True, "none": None},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_private_by_its_place_goes(place: str) -> None:
    """A name, a neighbour or an action says that a value is private; everything else stays as it was."""
    given_value, wanted = PLACES[place]

    assert RecordedJson(Redactor()).value(given_value) == wanted


def test_socket_frames_are_opened_and_closed_again() -> None:
    """A binary frame is base64: what is told of is taken out of it, and it still is base64."""
    redactor = Redactor()
    redactor.register(TOLD, "told")
    frame: JsonValue = {"opcode": 2, "data": base64.b64encode(b"\0\1bin" + TOLD.encode() + b"\xff").decode()}
    scrubbed = RecordedJson(redactor).value([frame])

    assert isinstance(scrubbed, list)
    assert isinstance(scrubbed[0], dict)
    assert base64.b64decode(str(scrubbed[0]["data"])).startswith("\0\1bin«redacted:told»".encode())


def test_what_stood_in_a_private_place_is_known_elsewhere() -> None:
    """A session cookie that a page prints is taken out of the page as well, once it was seen as a cookie."""
    redactor = Redactor()
    RecordedJson(redactor).value({"cookies": [{"name": "sid", "value": "canary-4711-unguessable"}]})

    assert redactor.redact("you are canary-4711-unguessable") == "you are «redacted:learned»"


def test_an_ordinary_word_in_a_private_place_is_not_learned() -> None:
    """A cookie that says 'dark' does not eat the report."""
    redactor = Redactor()
    RecordedJson(redactor).value({"cookies": [{"name": "theme", "value": "dark"}, {"name": "b", "value": "a" * 40}]})

    assert redactor.redact(f"dark {'a' * 40}") == f"dark {'a' * 40}"


def test_what_a_page_stores_is_hidden_and_not_learned() -> None:
    """A document's id in the page's storage goes from the trace, and stays in the report."""
    redactor, document = Redactor(), "runtime/codex_worker_summary:codexw_03"
    value = RecordedJson(redactor).value({"localStorage": [{"name": "last", "value": document}]})

    assert value == {"localStorage": [{"name": "last", "value": "«redacted:member»"}]}
    assert redactor.redact(document) == document


def test_an_auth_token_of_a_socket_is_learned() -> None:
    """Phoenix sends it as unpadded base64 in a header: it is known wherever it comes back plainly."""
    redactor = Redactor()
    token = jwt.encode({"sub": "canary"}, "canary-" * 8, algorithm="HS256")
    protocol = "base64url.bearer.phx." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    RecordedJson(redactor).value({"name": "Sec-WebSocket-Protocol", "value": f"phoenix, {protocol}"})
    redactor.learn(protocol)

    assert token in {secret.value for secret in redactor.secrets}


def test_redactions_are_counted_also_for_what_repeats() -> None:
    """The same string a second time is a second redaction."""
    redactor = Redactor()
    redactor.register(TOLD, "told")
    recorded = RecordedJson(redactor)
    recorded.value([TOLD, TOLD, {"password": "canary"}, json.dumps({"a": TOLD})])

    assert recorded.count == 4


@pytest.mark.parametrize("content", [b"", b"[]", b'{"log": []}', b"{" * 100], ids=repr)
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    """The message says what is wrong; nothing is handed out."""
    with pytest.raises(PublicationRefused, match="a HAR file"):
        scrubbed_har(content, Redactor())


def test_a_recording_without_bottom_is_refused() -> None:
    """Depth ends in a message, not in a crash of the interpreter."""
    deep: JsonValue = "end"
    for _ in range(2_000):
        deep = [deep]

    with pytest.raises(PublicationRefused, match="nested too deeply"):
        RecordedJson(Redactor()).value(deep)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_values)
def test_structure_survives(value: JsonValue) -> None:
    """Whatever goes in comes out as JSON of the same shape; a second pass finds nothing more."""
    redactor = Redactor()
    once = RecordedJson(redactor).value(value)
    again = RecordedJson(redactor).value(once)

    assert again == once
    assert orjson.loads(orjson.dumps(once)) == once
    assert type(once) is type(value)
