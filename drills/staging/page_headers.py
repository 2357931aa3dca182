"""The headers under which the staging serves its pages: nothing from elsewhere, nothing inline, nothing remembered."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def content_policy(connect: Iterable[str] = ()) -> str:
    """Return the Content-Security-Policy of a page that also talks to the origins in ``connect``."""
    return "; ".join([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        " ".join(["connect-src 'self'", *connect]),
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ])  # fmt: skip


class PageHeaders:
    """Adds the headers to every HTTP answer of ``app``."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({
                    "content-security-policy": self._policy,
                    "x-content-type-options": "nosniff",
                    "referrer-policy": "no-referrer",
                    # A surface that was restarted must not be shown from a cache.
                    "cache-control": "no-store",
                })  # fmt: skip
            await send(message)

        await self._app(scope, receive, send_with_headers)
