"""A small site that says everything a page can say: headers, cookies, storage, forms, sockets, errors."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import orjson
import websockets.sync.server as sockets

#: The channels through which the site of :func:`talkative` says one word each.
CHANNELS = (
    "address", "path", "fragment", "query-key", "query-array", "request-header", "bearer", "request-cookie",
    "response-header", "set-cookie", "local-storage", "session-storage", "request-body", "nested-json", "form-body",
    "response-body", "binary-body", "script", "style", "comment", "attribute", "class-name", "page-text",
    "hidden-input", "password-input", "typed", "text-area", "data-address", "base64-body", "console", "console-object",
    "page-error", "rejection", "evaluate-argument", "evaluate-result", "selector", "socket-query", "socket-protocol",
    "frame-sent", "frame-received", "frame-binary", "frame-nested", "link", "title",
)  # fmt: skip
PAGE = """<!doctype html>
<html><head><title>{title}</title><style>p::after {{ content: "{style}"; }}</style>
<meta name="csrf-token" content="{attribute}"></head>
<body class="{class-name}"><!-- {comment} -->
<form><input type=password id=password value="{password-input}"><input type=hidden name=word value="{hidden-input}">
<input id=typed><textarea>{text-area}</textarea></form>
<p>{page-text}</p><a href="/go?next=%2F{link}">link</a><img alt="" src="data:text/plain;base64,{data-address}">
<script>
const word = {script};
const said = {said};
document.cookie = "seen=" + said["request-cookie"];
localStorage.setItem("word", said["local-storage"]);
sessionStorage.setItem("word", said["session-storage"]);
console.log(said["console"], {{word: said["console-object"]}});
setTimeout(() => {{ throw new Error(said["page-error"]); }});
Promise.reject(new Error(said["rejection"]));
const headers = {{"x-word": said["request-header"], authorization: "Bearer " + said["bearer"]}};
const nested = JSON.stringify({{inner: JSON.stringify({{word: said["nested-json"]}})}});
const calls = [
  fetch("/a?" + new URLSearchParams({{token: said["query-key"], list: said["query-array"]}}), {{headers}}),
  fetch("/b", {{method: "POST", body: JSON.stringify({{word: said["request-body"], nested}})}}),
  fetch("/c", {{method: "POST", body: new URLSearchParams({{word: said["form-body"] + " & more"}})}}),
  fetch("/binary"), fetch("/base64"), fetch("/json"), fetch("/d/" + said["path"] + "#" + said["fragment"]),
];
const socket = new WebSocket("{socket}/?token=" + encodeURIComponent(said["socket-query"]),
  "base64url.bearer.phx." + btoa(said["socket-protocol"]).replaceAll("=", ""));
socket.binaryType = "arraybuffer";
const heard = new Promise((done) => {{ let left = 3; socket.onmessage = () => {{ if (!--left) done(); }}; }});
socket.onopen = () => {{
  socket.send(said["frame-sent"]);
  socket.send(new TextEncoder().encode("\\0\\x01\\x02" + said["frame-binary"] + "\\0"));
  socket.send(JSON.stringify([null, "1", "sync:v1", "x", {{inner: btoa(said["frame-nested"])}}]));
}};
window.finished = Promise.all([...calls, heard]).then(() => "finished");
</script></body></html>"""


class _Handler(http.server.BaseHTTPRequestHandler):
    words: ClassVar[Mapping[str, str]] = {}
    socket: ClassVar[str] = ""

    def do_GET(self) -> None:
        content, kind = self._content()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("x-word", self.words["response-header"])
        self.send_header("set-cookie", f"session={self.words['set-cookie']}; HttpOnly")
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def _content(self) -> tuple[bytes, str]:
        if self.path.startswith("/?"):
            said = orjson.dumps(dict(self.words)).decode()
            script = orjson.dumps(self.words["script"]).decode()
            words = {**self.words, "data-address": _base64(self.words["data-address"])}
            return PAGE.format(**{**words, "said": said, "script": script, "socket": self.socket}).encode(), "text/html"
        if self.path == "/binary":
            return b"\0\x01\xff" + self.words["binary-body"].encode() + b"\xfe", "application/octet-stream"
        if self.path == "/base64":
            return _base64("what " + self.words["base64-body"] + " says").encode(), "text/plain"
        return orjson.dumps({"word": self.words["response-body"]}), "application/json"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing on standard error."""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextmanager
def talkative(words: Mapping[str, str]) -> Iterator[str]:
    """Serve the site, which says ``words`` by channel, and yield its address."""

    def echo(connection: sockets.ServerConnection) -> None:
        for message in connection:
            connection.send(words["frame-received"] if isinstance(message, str) and message[:1] != "[" else message)

    with sockets.serve(echo, "127.0.0.1", 0, select_subprotocol=lambda _, offered: offered[0]) as socket:
        threading.Thread(target=socket.serve_forever, daemon=True).start()
        port = socket.socket.getsockname()[1]
        handler = type("Handler", (_Handler,), {"words": words, "socket": f"ws://127.0.0.1:{port}"})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
        socket.shutdown()
