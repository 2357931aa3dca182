"""Who may operate the staging: the bearer of the operator's token, and the console after it was signed in with it."""

from __future__ import annotations

import secrets

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from drills.staging.answers import Body, RefusedError, bearer, data, read_body, same


class SignIn(Body):
    """What the console's form sends."""

    token: str


class Sessions:
    """The console's sessions. Cookies know hosts, not ports, so each port (``console``) has a cookie of its own."""

    def __init__(self, token: SecretStr, console: str) -> None:
        self._token = token
        self._cookie = f"console_{console}"
        self._open: set[str] = set()

    def routes(self) -> tuple[Route, ...]:
        """Return the routes by which a session is asked for, opened and ended."""
        return (
            Route("/session", self.state, methods=["GET"]),
            Route("/session", self.sign_in, methods=["POST"]),
            Route("/session", self.sign_out, methods=["DELETE"]),
        )

    async def state(self, request: Request) -> Response:
        """Say whether the console is signed in."""
        return data({"signed_in": self.admit(request)})

    async def sign_in(self, request: Request) -> Response:
        """Open a session for whoever knows the operator's token."""
        given = await read_body(request, SignIn)
        if not same(given.token, self._token):
            raise RefusedError(401, "unauthorized", "this is not the operator token of this staging")
        session = secrets.token_urlsafe()
        self._open.add(session)
        response = Response(status_code=204)
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._open.discard(request.cookies.get(self._cookie, ""))
        response = Response(status_code=204)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict")
        return response

    def admit(self, request: Request) -> bool:
        """Return whether ``request`` comes from an operator."""
        if given := bearer(request):
            return same(given, self._token)
        known = request.cookies.get(self._cookie) in self._open
        # Other ports of this host share its cookies; only the console's own page may change something with them.
        return known and (request.method == "GET" or request.headers.get("origin") == _own_origin(request))


def _own_origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"
