"""The lease over HTTP: taken and renewed with PUT, given back with DELETE."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from drills.staging.answers import Body, RefusedError, data, read_body
from drills.staging.supervisor.lease import Lease, LeaseDesk, LeaseRefusedError

LONGEST_SECONDS = 24 * 3600


class LeaseRequest(Body):
    """A lease to take, or with ``token`` to renew. ``baseline`` maps switches to the values to go back to."""

    owner: str
    drill_id: str
    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
    baseline: Mapping[str, str] = {}
    token: int | None = None


class LeaseApi:
    """The endpoints of one desk. ``changed`` is called after every change, ``switches`` names what a baseline may."""

    def __init__(self, desk: LeaseDesk, switches: Collection[str], changed: Callable[[], None]) -> None:
        self._desk = desk
        self._switches = switches
        self._changed = changed

    async def show(self, _request: Request) -> Response:
        """Show who holds the staging."""
        lease = self._desk.current
        return data(_facts(lease) if lease else None)

    async def take(self, request: Request) -> Response:
        """Hand out the lease, or renew it for the one who has it."""
        wanted = await read_body(request, LeaseRequest)
        if unknown := sorted(set(wanted.baseline) - set(self._switches)):
            raise RefusedError(422, "unknown_switch", f"the baseline names unknown switches: {', '.join(unknown)}")
        try:
            if wanted.token is None:
                lease = self._desk.take(wanted.owner, wanted.drill_id, wanted.seconds, wanted.baseline)
            else:
                lease = self._desk.renew(wanted.token, wanted.seconds, wanted.baseline)
        except LeaseRefusedError as error:
            raise _refused(error) from None
        self._changed()
        return data({"token": lease.token, "expires_at": lease.expires_at})

    async def release(self, request: Request) -> Response:
        """Take the lease back from the one who has it."""
        token = request.query_params.get("token", "")
        if not token.isdecimal():
            raise RefusedError(422, "invalid_token", "the token of a lease is a number")
        try:
            self._desk.release(int(token))
        except LeaseRefusedError as error:
            raise _refused(error) from None
        self._changed()
        return data({"released": True})


def _facts(lease: Lease) -> dict[str, JsonValue]:
    return {
        "token": lease.token,
        "owner": lease.owner,
        "drill_id": lease.drill_id,
        "expires_at": lease.expires_at.isoformat(),
        "baseline": dict(lease.baseline),
    }


def _refused(error: LeaseRefusedError) -> RefusedError:
    facts = _facts(error.holder) if error.holder else {}
    return RefusedError(409, "lease_held" if error.holder else "lease_over", str(error), **facts)
