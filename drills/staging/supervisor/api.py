"""The supervisor's HTTP API and the operator's console, a page that uses it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, JsonValue
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drills.errors import ConfigurationError, StagingFailed, SwitchFailed
from drills.staging.answers import Body, Endpoint, RefusedError, answer, bearer, data, errors, guarded, read_body, same
from drills.staging.faults import FAULTS, Fault, resolve
from drills.staging.page_headers import PageHeaders, content_policy
from drills.staging.process import identity
from drills.staging.supervisor.lease import Lease, LeaseRefusedError
from drills.staging.supervisor.ready import addresses
from drills.staging.supervisor.supervisor import Supervisor
from drills.staging.supervisor.switches import Switch
from drills.staging.surfaces.table import PAGES

FORWARDED = (
    ("GET", "/settings"),
    ("PUT", "/settings/{key}"),
    ("POST", "/stimulus"),
    ("GET", "/authority"),
    ("GET", "/parity"),
    ("POST", "/retention"),
)
LONGEST_LEASE_SECONDS = 24 * 3600


class Value(Body):
    """What a switch is to be flipped to."""

    value: str


class SignIn(Body):
    """What the console's form sends."""

    token: str


class LeaseRequest(Body):
    """A lease to take, or with ``token`` to renew. ``baseline`` maps switches to the values to go back to."""

    owner: str
    drill_id: str
    seconds: Annotated[float, Field(gt=0, le=LONGEST_LEASE_SECONDS)]
    baseline: Mapping[str, str] = {}
    token: int | None = None


class OperatorApi:
    """The endpoints of one supervisor. ``/operator`` takes the operator's token, or the session of the console."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._token = supervisor.config.operator_token
        self._sessions: set[str] = set()
        # Cookies know hosts, not ports: two stagings on one machine must not sign each other out.
        self._cookie = f"console_{supervisor.config.supervisor_url.rpartition(':')[2]}"

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/session", self.session),
                Route("/session", self.sign_in, methods=["POST"]),
                Route("/session", self.sign_out, methods=["DELETE"]),
                Mount("/operator", routes=self._operator_routes()),
                Mount("/shared", StaticFiles(directory=PAGES / "shared")),
                Mount("/", StaticFiles(directory=PAGES / "console", html=True)),
            ],
            middleware=[Middleware(PageHeaders, policy=content_policy())],
            exception_handlers={**errors(), StagingFailed: _unavailable},
        )

    async def healthz(self, _request: Request) -> Response:
        """Say who answers."""
        return answer(identity(component="supervisor"))

    async def session(self, request: Request) -> Response:
        """Say whether the console is signed in."""
        return data({"signed_in": self._is_operator(request)})

    async def sign_in(self, request: Request) -> Response:
        """Open a session for whoever knows the operator's token."""
        given = await read_body(request, SignIn)
        if not same(given.token, self._token):
            raise RefusedError(401, "unauthorized", "this is not the operator token of this staging")
        session = secrets.token_urlsafe()
        self._sessions.add(session)
        response = Response(status_code=204)
        response.set_cookie(self._cookie, session, httponly=True, samesite="strict")
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        self._sessions.discard(request.cookies.get(self._cookie, ""))
        response = Response(status_code=204)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict")
        return response

    async def switches(self, _request: Request) -> Response:
        """Show every switch with the value in effect."""
        views = await asyncio.gather(*(switch.view() for switch in self._supervisor.switches.values()))
        return answer({"switches": [view.model_dump(mode="json") for view in views]})

    async def switch(self, request: Request) -> Response:
        """Show one switch with the value in effect."""
        return await _shown(self._switch(request))

    async def flip(self, request: Request) -> Response:
        """Begin to flip one switch and answer 202; with ``?wait=1`` answer when it is in effect."""
        switch = self._switch(request)
        wanted = await read_body(request, Value)
        try:
            flip = self._supervisor.keep(switch.ask(wanted.value))
        except SwitchFailed as error:
            raise RefusedError(422, "invalid_value", error.message) from None
        if not _waits(request):
            return await _shown(switch, 202)
        # Whoever asked may hang up; the flip goes on.
        await asyncio.shield(flip)
        return await _shown(switch)

    async def faults(self, _request: Request) -> Response:
        """Show the faults in force and those that can be injected."""
        known = [
            {"name": fault.name, "component": fault.component, "description": fault.description} for fault in FAULTS
        ]
        return answer({"active": await self._supervisor.faults.active(), "known": known})

    async def inject(self, request: Request) -> Response:
        """Put a fault in force and answer when it is."""
        await self._supervisor.faults.inject(_named_faults(request))
        return answer({"active": await self._supervisor.faults.active()})

    async def clear(self, request: Request) -> Response:
        """End a fault and answer when it has ended."""
        await self._supervisor.faults.clear(_named_faults(request))
        return answer({"active": await self._supervisor.faults.active()})

    async def environment(self, _request: Request) -> Response:
        """Show what this staging is made of."""
        supervisor, config = self._supervisor, self._supervisor.config
        children = [{"name": child.name, "pid": child.pid, "state": child.state} for child in supervisor.children()]
        return answer(
            {
                "pid": os.getpid(),
                "started_at": supervisor.started_at,
                "urls": addresses(config),
                "database": config.database_url.partition(":")[0].partition("+")[0],
                "legacy_poll_seconds": config.legacy_poll_seconds,
                "convex_poll_seconds": config.convex_poll_seconds,
                "processes": children,
            }
        )

    async def lease(self, _request: Request) -> Response:
        """Show who holds the staging."""
        lease = self._supervisor.desk.current
        return data(_lease_facts(lease) if lease else None)

    async def take_lease(self, request: Request) -> Response:
        """Hand out the lease, or renew it for the one who has it."""
        wanted = await read_body(request, LeaseRequest)
        self._check_baseline(wanted.baseline)
        desk = self._supervisor.desk
        try:
            if wanted.token is None:
                lease = desk.take(wanted.owner, wanted.drill_id, wanted.seconds, wanted.baseline)
            else:
                lease = desk.renew(wanted.token, wanted.seconds, wanted.baseline)
        except LeaseRefusedError as error:
            raise _lease_refused(error) from None
        self._supervisor.lease_changed()
        return data({"token": lease.token, "expires_at": lease.expires_at})

    async def release_lease(self, request: Request) -> Response:
        """Take the lease back from the one who has it."""
        try:
            lease = self._supervisor.desk.release(_number(request.query_params.get("token", "")))
        except LeaseRefusedError as error:
            raise _lease_refused(error) from None
        self._supervisor.lease_changed()
        return data({"token": lease.token, "released": True})

    async def forward(self, request: Request) -> Response:
        """Pass a request on to the runtime, and its answer back."""
        path = request.url.path.removeprefix("/operator")
        told = await self._supervisor.runtime.forward(request.method, path, await request.body())
        return Response(told.content, told.status, media_type="application/json")

    def _operator_routes(self) -> list[Route]:
        return [
            self._route("GET", "/switches", self.switches),
            self._route("GET", "/switches/{id}", self.switch),
            self._route("PUT", "/switches/{id}", self.flip),
            self._route("GET", "/faults", self.faults),
            self._route("PUT", "/faults/{name}", self.inject),
            self._route("DELETE", "/faults/{name}", self.clear),
            self._route("GET", "/environment", self.environment),
            self._route("GET", "/lease", self.lease),
            self._route("PUT", "/lease", self.take_lease),
            self._route("DELETE", "/lease", self.release_lease),
            *(self._route(method, path, self.forward) for method, path in FORWARDED),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(endpoint, self._is_operator), methods=[method])

    def _is_operator(self, request: Request) -> bool:
        if given := bearer(request):
            return same(given, self._token)
        known = request.cookies.get(self._cookie) in self._sessions
        # Other ports of this host share its cookies; only the console's own page may change something with them.
        return known and (request.method == "GET" or request.headers.get("origin") == _own_origin(request))

    def _switch(self, request: Request) -> Switch:
        switches = self._supervisor.switches
        if (switch := switches.get(request.path_params["id"])) is None:
            raise RefusedError(404, "unknown_switch", f"the switches are {', '.join(switches)}")
        return switch

    def _check_baseline(self, baseline: Mapping[str, str]) -> None:
        if unknown := sorted(set(baseline) - set(self._supervisor.switches)):
            raise RefusedError(422, "unknown_switch", f"the baseline names unknown switches: {', '.join(unknown)}")


async def _shown(switch: Switch, status: int = 200) -> Response:
    return answer((await switch.view()).model_dump(mode="json"), status)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return answer({"error": {"code": "staging_failed", "message": str(error)}}, 502)


def _waits(request: Request) -> bool:
    return request.query_params.get("wait") == "1"


def _own_origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _named_faults(request: Request) -> tuple[Fault, ...]:
    try:
        return resolve([request.path_params["name"]])
    except ConfigurationError as error:
        raise RefusedError(404, "unknown_fault", str(error)) from None


def _number(text: str) -> int:
    if not text.isdecimal():
        raise RefusedError(422, "invalid_token", "the token of a lease is a number")
    return int(text)


def _lease_facts(lease: Lease) -> dict[str, JsonValue]:
    return {
        "token": lease.token,
        "owner": lease.owner,
        "drill_id": lease.drill_id,
        "expires_at": lease.expires_at.isoformat(),
        "baseline": dict(lease.baseline),
    }


def _lease_refused(error: LeaseRefusedError) -> RefusedError:
    facts = _lease_facts(error.holder) if error.holder else {}
    return RefusedError(409, "lease_held" if error.holder else "lease_over", str(error), **facts)
