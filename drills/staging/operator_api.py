"""The runtime's operator API: settings, faults, stimuli, and what the authority and both lanes hold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from drills.staging.answers import Body, Endpoint, RefusedError, answer, bearer, data, guarded, read_body, same
from drills.staging.authority import Authority, Head
from drills.staging.documents import PROJECTIONS, Entity
from drills.staging.faults import Fault
from drills.staging.lane_state import read_checkpoints, read_read_models
from drills.staging.live_settings import ActiveFaults, LiveSettings, SettingRefusedError
from drills.staging.projector import Projector
from drills.staging.retention import Retention
from drills.staging.runtime_log import RuntimeLog
from drills.staging.simulator import advance
from drills.staging.store import Store


class Value(Body):
    """The new value of a setting."""

    value: str


class Stimulus(Body):
    """Which entity is to change; without an ``id``, the first of its kind."""

    entity: Entity = Entity.CODEX_WORKER
    id: str | None = None


class Prune(Body):
    """How old stream rows may be; None stands for the horizon in effect."""

    horizon_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class OperatorApi:
    """The endpoints under ``/operator``. Each needs the operator's token."""

    def __init__(
        self,
        token: SecretStr,
        store: Store,
        authority: Authority,
        projector: Projector,
        settings: LiveSettings,
        faults: ActiveFaults,
        retention: Retention,
        log: RuntimeLog,
    ) -> None:
        self._token = token
        self._store = store
        self._authority = authority
        self._projector = projector
        self._settings = settings
        self._faults = faults
        self._retention = retention
        self._log = log

    def routes(self) -> Sequence[Route]:
        """Return the routes, relative to ``/operator``."""
        return (
            self._route("/settings", self.settings),
            self._route("/settings/{key}", self.put_setting, "PUT"),
            self._route("/faults", self.faults),
            self._route("/faults/{name}", self.put_fault, "PUT"),
            self._route("/faults/{name}", self.delete_fault, "DELETE"),
            self._route("/stimulus", self.stimulus, "POST"),
            self._route("/authority", self.authority),
            self._route("/parity", self.parity),
            self._route("/retention", self.retention, "POST"),
        )

    async def settings(self, _request: Request) -> Response:
        """Show every setting in effect."""
        return data(self._settings.values.on_the_wire())

    async def put_setting(self, request: Request) -> Response:
        """Put one setting into effect. A sink path that is dual again is caught up with what it missed."""
        key = request.path_params["key"]
        body = await read_body(request, Value)
        try:
            before = self._settings.put(key, body.value)
        except SettingRefusedError as error:
            raise RefusedError(422, "invalid_setting", str(error)) from None
        values = self._settings.values.on_the_wire()
        self._log.write("operator", "setting changed", key=key, before=before.on_the_wire()[key], after=values[key])
        if before.sink_path != self._settings.values.sink_path == "dual":
            self._projector.republish()
        return answer({"key": key, "value": values[key]})

    async def faults(self, _request: Request) -> Response:
        """Show which faults are active and which there are."""
        known = [
            {"name": fault.name, "component": fault.component.value, "description": fault.description}
            for fault in self._faults.known.values()
        ]
        return answer({"active": list(self._faults.names), "known": known})

    async def put_fault(self, request: Request) -> Response:
        """Inject a fault."""
        fault = self._fault(request)
        self._faults.set(fault)
        self._log.write("operator", "fault injected", "warning", fault=fault.name)
        return answer({"active": list(self._faults.names)})

    async def delete_fault(self, request: Request) -> Response:
        """Clear a fault. Documents it kept from Khala are published again."""
        fault = self._fault(request)
        self._faults.clear(fault)
        self._log.write("operator", "fault cleared", fault=fault.name)
        self._projector.republish()
        return answer({"active": list(self._faults.names)})

    async def stimulus(self, request: Request) -> Response:
        """Append one event that changes an entity's status, and answer once the authority holds it."""
        wanted = await read_body(request, Stimulus)
        heads = [head for head in await asyncio.to_thread(self._authority.heads) if head.entity is wanted.entity]
        chosen = next((head for head in heads if wanted.id in {None, head.entity_id}), None)
        if chosen is None:
            raise RefusedError(404, "not_found", f"there is no {wanted.entity} {wanted.id or ''}".rstrip())
        event = await asyncio.to_thread(advance, self._authority, chosen)
        self._projector.tell(event.entity, event.entity_id)
        return data(
            {
                "entity": event.entity.value,
                "id": event.entity_id,
                "doc_key": PROJECTIONS[event.entity].document_id(event.entity_id),
                "seq": event.seq,
                "occurred_at": event.occurred_at.timestamp(),
                "status": event.changes["status"],
            }
        )

    async def authority(self, _request: Request) -> Response:
        """Show where the authority stands."""
        heads = await asyncio.to_thread(self._authority.heads)
        return data({kind.value: _standing(heads, kind) for kind in Entity})

    async def parity(self, _request: Request) -> Response:
        """Show what both lanes hold, as one snapshot."""
        return data(await asyncio.to_thread(self._parity))

    async def retention(self, request: Request) -> Response:
        """Prune the stream now."""
        horizon = (await read_body(request, Prune)).horizon_seconds
        if horizon is None:
            horizon = self._settings.values.retention_horizon_seconds
        return data(await self._retention.prune(horizon))

    def _route(self, path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        return Route(path, guarded(endpoint, self._is_operator), methods=[method])

    def _is_operator(self, request: Request) -> bool:
        return same(bearer(request), self._token)

    def _fault(self, request: Request) -> Fault:
        if (fault := self._faults.known.get(request.path_params["name"])) is None:
            raise RefusedError(404, "unknown_fault", f"the runtime's faults are {', '.join(self._faults.known)}")
        return fault

    def _parity(self) -> Mapping[str, object]:
        with self._store.reading() as connection:
            checkpoints = read_checkpoints(connection)
            models = read_read_models(connection)
        return {
            "checkpoints": {
                held.document_id: {"seq": held.seq, "summary_hash": held.summary_hash} for held in checkpoints
            },
            "read_models": models,
        }


def _standing(heads: Sequence[Head], kind: Entity) -> Mapping[str, Mapping[str, object]]:
    return {head.entity_id: {"seq": head.seq, "status": head.status} for head in heads if head.entity is kind}
