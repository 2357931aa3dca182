"""What a surface's traffic proves, and what it does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.phoenix import Frame
from drills.target.traffic import RequestSeen, Traffic, without_query, worker_versions

LEGACY = "http://127.0.0.1:1/api/query"


def heard(*frames: tuple[bool, Frame]) -> Traffic:
    """Return traffic in which these frames were (sent?, frame)."""
    traffic = Traffic(opened_at=0.0)
    for number, (sent, frame) in enumerate(frames):
        traffic.hear(frame.encode(), at=float(number), sent=sent)
    return traffic


JOIN = Frame("1", "1", "sync:v1", "phx_join", {})


def test_joined_is_a_reply_that_lets_in() -> None:
    """The reply to our own join, with status ok, on the channel's topic."""
    assert heard((True, JOIN), (False, JOIN.reply("ok", {}))).joined() is not None


@pytest.mark.parametrize(
    "frames",
    [
        [(True, JOIN)],
        [(True, JOIN), (False, JOIN.reply("error", {"code": "bad_topic"}))],
        [(False, JOIN.reply("ok", {}))],
        [(True, JOIN), (False, Frame("1", "2", "sync:v1", "phx_reply", {"status": "ok"}))],
        [(True, JOIN), (False, Frame("1", "1", "phoenix", "phx_reply", {"status": "ok"}))],
    ],
    ids=["silence", "refused", "not-asked", "another-reply", "another-topic"],
)
def test_nothing_else_is_a_join(frames: list[tuple[bool, Frame]]) -> None:
    """A socket that is open, or was refused, has not joined."""
    assert heard(*frames).joined() is None


def batch(**versions: int) -> Frame:
    """Return an update batch that carries these documents."""
    updates = [{"doc_key": key, "doc_version": version} for key, version in versions.items()]
    return Frame("1", None, "sync:v1", "sync:update_batch", {"updates": updates})


def test_a_frame_carries_a_version_or_a_later_one() -> None:
    """An update may be overtaken by the next one; an older one proves nothing."""
    traffic = heard((False, batch(a=4)), (False, batch(a=6, b=1)))
    first = traffic.frame_with("a", 4)
    later = traffic.frame_with("a", 5)
    assert first is not None
    assert later is not None
    assert (first.at, later.at) == (0.0, 1.0)
    assert traffic.frame_with("a", 7) is None


def test_what_the_surface_itself_sent_proves_nothing() -> None:
    """Only received frames carry updates."""
    assert heard((True, batch(a=4))).frame_with("a", 4) is None


def test_a_message_that_is_no_frame_is_kept_as_such() -> None:
    """Noise on the socket is part of the record."""
    traffic = Traffic(opened_at=0.0)
    traffic.hear(b"noise", at=1.0, sent=False)
    assert [frame.event for frame in traffic.frames] == ["not-a-frame"]


def test_malformed_updates_are_passed_over() -> None:
    """A batch whose updates are not what they should be carries nothing."""
    frame = Frame("1", None, "sync:v1", "sync:update_batch", {"updates": [1, {"doc_key": 2}, {"doc_key": "a"}]})
    assert heard((False, frame)).frames[0].versions == ()


def test_answers_are_looked_up_by_prefix_time_and_version() -> None:
    """A legacy answer proves an update when it is from the legacy URL and holds the version or a later one."""
    traffic = Traffic(opened_at=0.0)
    traffic.requests += [
        RequestSeen(1.0, "POST", LEGACY, 200, (("w1", 3),)),
        RequestSeen(2.0, "GET", "http://elsewhere/", 200, (("w1", 9),)),
        RequestSeen(3.0, "POST", LEGACY, 200, (("w1", 5),)),
    ]
    answer = traffic.answer_with(LEGACY, "w1", 4)
    assert answer is not None
    assert answer.at == 3.0
    assert traffic.answer_with(LEGACY, "w1", 6) is None
    assert len(traffic.requests_to(LEGACY, since=2.0)) == 1


def test_urls_lose_query_fragment_and_credentials() -> None:
    """Tokens travel in all three."""
    assert without_query("ws://user:canary-word@h:1/a/b?token=canary-token#x") == "ws://h:1/a/b"


def test_versions_are_found_wherever_a_body_holds_them() -> None:
    """Lists of the runtime and answers of the legacy lane have different shapes."""
    body = json.dumps({"status": "success", "value": [{"worker_id": "a", "latest_seq": 3}, {"worker_id": "b"}]})
    assert worker_versions(body.encode()) == (("a", 3),)
    assert worker_versions(b"<html>") == ()


@given(st.binary(max_size=200))
def test_any_bytes_on_the_wire_are_survived(content: bytes) -> None:
    """A hostile peer cannot stop a drill from writing down what it saw."""
    traffic = Traffic(opened_at=0.0)
    traffic.hear(content, at=0.0, sent=False)
    worker_versions(content)
    assert len(traffic.frames) == 1
