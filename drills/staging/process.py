"""A process of the staging: it serves on the socket it was handed, and never outlives the one who started it.

The supervisor binds every listening socket and passes its descriptor (:data:`SOCKET_VARIABLE`), so that an address
stays the same when the process behind it is replaced. A leashed process (:data:`LEASH_VARIABLE` is ``1``) ends when its
standard input does: the supervisor holds the other end, and the system closes it however the supervisor dies.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Final, Never

import uvicorn
from starlette.types import ASGIApp

from drills.clock import SYSTEM_CLOCK
from drills.errors import ConfigurationError
from drills.staging.settings import LEASH_VARIABLE, SOCKET_VARIABLE

STARTED_AT: Final = SYSTEM_CLOCK.now()
#: How long open requests may keep a process that was asked to end.
GRACE_SECONDS = 1
#: How long a process that lost its leash may take before it is cut off.
LAST_SECONDS = 3.0
MAXIMUM_FRAME_BYTES = 1 << 20
#: What the system holds for a client that does not read; without a limit it would be megabytes.
SEND_BUFFER_BYTES = 64 * 1024


def identity(**facts: str) -> dict[str, str | int]:
    """Return what ``/healthz`` says: status ``ok``, ``facts``, and which process answers since when."""
    return {"status": "ok", **facts, "pid": os.getpid(), "started_at": STARTED_AT.isoformat()}


def serve(app: ASGIApp) -> None:
    """Serve ``app`` on the inherited socket until SIGTERM, SIGINT or the end of the leash; then exit with code 0.

    Raises:
        ConfigurationError: no socket was handed over.
    """
    listener = inherited_socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    # uvicorn stops in order and then raises the signal again: this turns it into a normal exit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_cleanly)
    if os.environ.get(LEASH_VARIABLE) == "1":
        threading.Thread(target=_end_with_the_leash, name="leash", daemon=True).start()
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        # The channel has time-outs of its own; a second keepalive would hide them.
        ws_ping_interval=None,
        ws_max_size=MAXIMUM_FRAME_BYTES,
        log_config=None,
        # It would print the token of every socket address.
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def inherited_socket() -> socket.socket:
    """Return the listening socket whose descriptor :data:`SOCKET_VARIABLE` names.

    Raises:
        ConfigurationError: the variable does not name an open socket.
    """
    try:
        return socket.socket(fileno=int(os.environ[SOCKET_VARIABLE]))
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"{SOCKET_VARIABLE} does not name an inherited socket ({error})",
            remedy="start the whole environment with `drill staging up`",
        ) from None


def _exit_cleanly(_number: int, _frame: FrameType | None) -> Never:
    sys.exit(0)


def _end_with_the_leash() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(1)
