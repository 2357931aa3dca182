"""The supervisor's HTTP API and the operator's console, a page that uses it."""

from __future__ import annotations

import asyncio
import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drills.errors import ConfigurationError, StagingFailed, SwitchFailed
from drills.staging.answers import Body, Endpoint, RefusedError, answer, errors, guarded, read_body
from drills.staging.faults import FAULTS, Fault, resolve
from drills.staging.page_headers import PageHeaders, content_policy
from drills.staging.process import identity
from drills.staging.supervisor.lease_api import LeaseApi
from drills.staging.supervisor.ready import addresses
from drills.staging.supervisor.sessions import Sessions
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


class Value(Body):
    """What a switch is to be flipped to."""

    value: str


class OperatorApi:
    """The endpoints of one supervisor. ``/operator`` takes the operator's token, or the session of the console."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._lease = LeaseApi(supervisor.desk, supervisor.switches, supervisor.lease_changed)
        port = supervisor.config.supervisor_url.rpartition(":")[2]
        self._sessions = Sessions(supervisor.config.operator_token, port)

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                *self._sessions.routes(),
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
            self._route("GET", "/lease", self._lease.show),
            self._route("PUT", "/lease", self._lease.take),
            self._route("DELETE", "/lease", self._lease.release),
            *(self._route(method, path, self.forward) for method, path in FORWARDED),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(endpoint, self._sessions.admit), methods=[method])

    def _switch(self, request: Request) -> Switch:
        switches = self._supervisor.switches
        if (switch := switches.get(request.path_params["id"])) is None:
            raise RefusedError(404, "unknown_switch", f"the switches are {', '.join(switches)}")
        return switch


async def _shown(switch: Switch, status: int = 200) -> Response:
    return answer((await switch.view()).model_dump(mode="json"), status)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return answer({"error": {"code": "staging_failed", "message": str(error)}}, 502)


def _waits(request: Request) -> bool:
    return request.query_params.get("wait") == "1"


def _named_faults(request: Request) -> tuple[Fault, ...]:
    try:
        return resolve([request.path_params["name"]])
    except ConfigurationError as error:
        raise RefusedError(404, "unknown_fault", str(error)) from None
