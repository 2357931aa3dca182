from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import FrameInvalid
from drills.phoenix import HEARTBEAT, JOIN, PHOENIX_TOPIC, REPLY, Frame, decode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
REFERENCES = st.none() | TEXTS
INTEGERS = st.integers(min_value=-(2**63), max_value=2**63)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=5,
)
FRAMES = st.builds(Frame, REFERENCES, REFERENCES, TEXTS, TEXTS, st.dictionaries(TEXTS, JSON, max_size=4))


def test_a_frame_is_the_array_of_phoenix_v2() -> None:
    """The five fields stand in the order of Phoenix's own V2 serializer."""
    frame = Frame("1", "2", "sync:v1", JOIN, {"token": None})

    assert frame.encode() == '["1","2","sync:v1","phx_join",{"token":null}]'


def test_a_heartbeat_of_a_phoenix_client_is_read() -> None:
    """A frame as the Phoenix client writes it, spaces or not, text or bytes, is understood."""
    expected = Frame(None, "7", PHOENIX_TOPIC, HEARTBEAT, {})

    assert decode('[null, "7", "phoenix", "heartbeat", {}]') == expected
    assert decode(b'[null,"7","phoenix","heartbeat",{}]') == expected


@given(FRAMES)
def test_what_was_encoded_is_decoded(frame: Frame) -> None:
    """Encoding loses nothing."""
    assert decode(frame.encode()) == frame


@given(FRAMES, st.sampled_from(["ok", "error"]), st.dictionaries(TEXTS, JSON, max_size=4))
def test_a_reply_answers_its_request(frame: Frame, status: str, response: dict[str, object]) -> None:
    """A reply repeats both references and the topic, by which a client finds its request."""
    reply = frame.reply(status, response)

    assert (reply.join_ref, reply.ref, reply.topic, reply.event) == (frame.join_ref, frame.ref, frame.topic, REPLY)
    assert reply.payload == {"status": status, "response": response}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{}",
        "[]",
        '[null,"1","t","e"]',
        '[null,"1","t","e",{},{}]',
        '[1,"1","t","e",{}]',
        '[null,1,"t","e",{}]',
        '[null,"1",null,"e",{}]',
        '[null,"1","t",null,{}]',
        '[null,"1","t","e",[]]',
        '[null,"1","t","e",null]',
        b"\xff\xfe",
    ],
)
def test_anything_else_is_refused(text: str | bytes) -> None:
    """A message in another shape is an error of ours, with its kind of mistake in words."""
    with pytest.raises(FrameInvalid, match=r"^a frame"):
        decode(text)


@given(TEXTS | st.binary() | st.lists(JSON, max_size=6).map(json.dumps))
def test_no_message_breaks_the_reader(text: str | bytes) -> None:
    """Whatever a stranger sends ends as a frame or as :class:`FrameInvalid`, and as nothing else."""
    with contextlib.suppress(FrameInvalid):
        frame = decode(text)
        assert decode(frame.encode()) == frame
