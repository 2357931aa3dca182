"""Clients of the Khala socket that behave, and some that do not."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from drills import phoenix
from drills.errors import TargetUnreachable
from drills.plugin.drill import Drill
from drills.target.traffic import CHANNEL, UPDATE_BATCH

ANSWER_SECONDS = 5.0
#: As little as the system grants; what the server sends then piles up on its side.
NARROW_BYTES = 4096
#: A document, its version, and the watermark of the update.
Update = tuple[str, int, int]


class Client:
    """One client on one socket, which reads only while it is asked to."""

    def __init__(self, connection: ClientConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._refs = itertools.count(1)

    def join(self) -> Self:
        """Join the channel."""
        self._ask(phoenix.JOIN, {})
        return self

    def subscribe(self, resume_after: int | None = None) -> None:
        """Ask for updates, without reading the answer."""
        resume = {} if resume_after is None else {self._topic: resume_after}
        self._send("sync:subscribe", {"topics": [self._topic], "resume_after": resume})

    def ask_for(self, topics: Sequence[str]) -> None:
        """Ask for topics that are not to be had, without reading the answer."""
        self._send("sync:subscribe", {"topics": list(topics)})

    def versions(self) -> Iterator[Update]:
        """Yield every update, until none comes any more."""
        while (frame := self._read()) is not None:
            updates = frame.payload.get("updates") if frame.event == UPDATE_BATCH else None
            for update in updates if isinstance(updates, list) else ():
                yield str(update["doc_key"]), int(update["doc_version"]), int(update["watermark"])

    def is_put_out(self) -> bool:
        """Read what is left, and tell whether the server has closed the socket."""
        try:
            while self._connection.recv(timeout=ANSWER_SECONDS):
                pass
        except ConnectionClosed:
            return True
        except TimeoutError:
            return False
        return False

    def _ask(self, event: str, payload: dict[str, object]) -> None:
        ref = self._send(event, payload)
        while (frame := self._read()) is not None:
            if frame.event == phoenix.REPLY and frame.ref == ref:
                return
        raise TargetUnreachable(f"the Khala socket does not answer {event}", remedy="drill doctor")

    def _send(self, event: str, payload: dict[str, object]) -> str:
        ref = str(next(self._refs))
        self._connection.send(phoenix.Frame("1", ref, CHANNEL, event, payload).encode())
        return ref

    def _read(self) -> phoenix.Frame | None:
        try:
            return phoenix.decode(self._connection.recv(timeout=ANSWER_SECONDS))
        except (TimeoutError, ConnectionClosed):
            return None


@contextmanager
def connected(drill: Drill, *, token: str | None = None, narrow: bool = False) -> Iterator[Client | None]:
    """Yield a client of the drill's target, None where it was refused.

    With ``narrow`` it takes in next to nothing by itself. A ``token`` goes before the drill's own.
    """
    khala = drill.environment.profile.khala
    url = f"{khala.socket_url}?vsn={phoenix.SERIALIZER_VERSION}&token={token or drill.environment.sync_token()}"
    try:
        connection = connect(
            url,
            sock=_narrow(khala.socket_url) if narrow else None,
            max_queue=1 if narrow else None,
            proxy=None,
            open_timeout=ANSWER_SECONDS,
            close_timeout=1,
        )
    except (OSError, InvalidHandshake):
        yield None
        return
    with connection:
        yield Client(connection, khala.topic)


def _narrow(url: str) -> socket.socket:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
    plain.connect((parts.hostname, port))
    return plain
