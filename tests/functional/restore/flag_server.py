"""A target made of flags: a real HTTP server with an operator API, run as a process of its own.

``GET /switches/<id>`` answers ``{"value", "state"}``; ``PUT`` takes ``{"value"}``, answers at once and comes into
effect ``--delay`` seconds later, one change of a switch after the other. ``GET /history`` lists every change with its
moment on the monotonic clock, which all processes of one machine share.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Flag:
    """One flag, changed by a thread of its own."""

    def __init__(self, value: str, delay: float) -> None:
        """Start with ``value``."""
        self.value = value
        self._delay = delay
        self._turn = threading.Lock()
        self._waiting = 0

    @property
    def state(self) -> str:
        """Return ``busy`` while a change is under way."""
        return "busy" if self._waiting else "ready"

    def ask(self, switch: str, value: str, history: list[tuple[float, str, str]]) -> None:
        """Bring ``value`` into effect after those that were asked for before."""
        self._waiting += 1
        threading.Thread(target=self._change, args=(switch, value, history)).start()

    def _change(self, switch: str, value: str, history: list[tuple[float, str, str]]) -> None:
        with self._turn:
            time.sleep(self._delay)  # the time that a restart takes: it is what this server is about
            self.value = value
            history.append((time.monotonic(), switch, value))
            self._waiting -= 1


class Target(ThreadingHTTPServer):
    """The server and its flags."""

    daemon_threads = True

    def __init__(self, flags: dict[str, Flag], token: str) -> None:
        """Listen on a free port of the loopback interface."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.flags = flags
        self.token = token
        self.history: list[tuple[float, str, str]] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Target

    def do_GET(self) -> None:
        """Read a flag, or the history."""
        if self.path == "/history":
            self._answer(200, self.server.history)
        elif flag := self._flag():
            self._answer(200, {"value": flag.value, "state": flag.state})

    def do_PUT(self) -> None:
        """Ask a flag for another value."""
        if flag := self._flag():
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            flag.ask(self.path.rpartition("/")[2], body["value"], self.server.history)
            self._answer(202, {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _flag(self) -> Flag | None:
        if self.headers["authorization"] != f"Bearer {self.server.token}":
            self._answer(401, {"error": {"message": "an operator token is needed"}})
            return None
        flag = self.server.flags.get(self.path.rpartition("/")[2])
        if flag is None:
            self._answer(404, {"error": {"message": "no such switch"}})
        return flag

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve the flags named on the command line until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("flags", nargs="+", metavar="NAME=VALUE")
    arguments = parser.parse_args()
    pairs = (pair.split("=", 1) for pair in arguments.flags)
    target = Target({name: Flag(value, arguments.delay) for name, value in pairs}, os.environ["FLAG_TOKEN"])
    threading.Thread(target=target.serve_forever, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{target.server_port}"}), flush=True)  # noqa: T201 - for who started us
    sys.stdin.read()


if __name__ == "__main__":
    main()
