"""A client that does not read is put out, and nobody else notices."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from drills import phoenix

WORKERS = "runtime.codex_worker_summaries"
#: More than the system holds for one client, at 500 bytes a row or more.
ROWS = 450


@contextmanager
def slow(url: str) -> Iterator[ClientConnection]:
    """Yield a connection whose client takes in next to nothing by itself."""
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect((urlsplit(url).hostname, urlsplit(url).port))
        with connect(url, sock=plain, max_queue=1, proxy=None, close_timeout=1) as connection:
            yield connection


def evictions(own: Any) -> float:
    """Return how many clients were put out."""
    return float(own.metric("sync_socket_eviction_count_total", action="close", status="slow_consumer"))


def evictions_after(own: Any, connection: ClientConnection, replay: Mapping[str, object]) -> float:
    """Ask for the whole topic once more, and return how many clients were put out by now."""
    connection.send(phoenix.Frame("1", "2", "sync:v1", "sync:subscribe", replay).encode())
    return evictions(own)


def read_on(connection: ClientConnection) -> None:
    """Read until there is nothing more."""
    while True:
        connection.recv(timeout=5)


def test_a_client_that_does_not_read_is_put_out(start: Any, wait: Any) -> None:
    """It is counted and closed; one that reads the same replay at its pace gets all of it."""
    with start(workers=2, runs=1, simulator_rate=1000, slow_consumer_seconds=0.3) as own:
        wait(lambda: own.head(WORKERS) >= ROWS, "enough rows")
        own.put("simulator_rate", "0")
        wait(own.in_parity, "everything is published")
        replay = {"topics": [WORKERS], "resume_after": {WORKERS: 0}}
        with slow(own.socket_url(own.token())) as connection, own.connected() as reader:
            connection.send(phoenix.Frame("1", "1", "sync:v1", phoenix.JOIN, {}).encode())
            wait(lambda: evictions_after(own, connection, replay), "the slow one is put out")
            reader.join().ask("sync:subscribe", replay)
            got = 0
            while got < own.head(WORKERS):
                got += len(reader.batch()["updates"])
            with pytest.raises(ConnectionClosed):
                read_on(connection)
        assert (evictions(own), got) == (1, own.head(WORKERS))
