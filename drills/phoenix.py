"""Phoenix channel frames, serializer V2: the JSON array ``[join_ref, ref, topic, event, payload]``.

Shared by the staging channel and by every client of the drill. The format is the one of Phoenix's own
``V2.JSONSerializer``; references are opaque strings chosen by the client and echoed by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from drills.errors import FrameInvalid

SERIALIZER_VERSION = "2.0.0"
#: The topic on which a socket keeps itself alive; it needs no join.
PHOENIX_TOPIC = "phoenix"
JOIN, LEAVE, CLOSE, ERROR, REPLY, HEARTBEAT = (
    "phx_join",
    "phx_leave",
    "phx_close",
    "phx_error",
    "phx_reply",
    "heartbeat",
)
FRAME_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. ``join_ref`` names the join it belongs to, ``ref`` the request that a reply answers."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, object]

    def reply(self, status: str, response: Mapping[str, object]) -> Frame:
        """Return the answer to this frame; ``status`` is ``ok`` or ``error``."""
        return Frame(self.join_ref, self.ref, self.topic, REPLY, {"status": status, "response": response})

    def encode(self) -> str:
        """Return the frame as it goes over the wire."""
        return orjson.dumps([self.join_ref, self.ref, self.topic, self.event, self.payload]).decode()


def decode(text: str | bytes) -> Frame:
    """Read one frame.

    Raises:
        FrameInvalid: ``text`` is not a JSON array of the five fields in their types.
    """
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FrameInvalid(f"a frame is not JSON: {error}") from None
    if not isinstance(fields, list) or len(fields) != FRAME_FIELDS:
        raise FrameInvalid("a frame is not an array of [join_ref, ref, topic, event, payload]")
    join_ref, ref, topic, event, payload = fields
    if not (_reference(join_ref) and _reference(ref) and isinstance(topic, str) and isinstance(event, str)):
        raise FrameInvalid("a frame's references, topic and event are not strings")
    if not isinstance(payload, dict):
        raise FrameInvalid("a frame's payload is not an object")
    return Frame(join_ref, ref, topic, event, payload)


def _reference(value: object) -> bool:
    return value is None or isinstance(value, str)
