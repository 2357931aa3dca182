"""What the authority knows, asked over an address of the target's own API."""

from __future__ import annotations

from drills.errors import TargetUnreachable
from drills.target.exchange import Request, as_text, demand, document, resolve
from drills.target.fields import read_headers
from drills.target.operator import EntityState
from drills.target.profile.sources import Authority

#: A staging with thousands of workers answers with more than a switch does.
MAXIMUM_ANSWER = 20_000_000


def told_workers(settings: Authority) -> dict[str, EntityState]:
    """Return every worker with its newest sequence number, as the address in ``settings`` tells them.

    Raises:
        TargetError: it does not answer, or its answer holds no list of workers.
    """
    request = Request(
        "authority",
        "GET",
        settings.url,
        {"accept": "application/json", **read_headers(settings.headers)},
        timeout_seconds=settings.timeout_seconds,
        maximum=MAXIMUM_ANSWER,
    )
    listed = resolve(document(demand(request), request), settings.workers)
    if not isinstance(listed, list):
        raise TargetUnreachable(
            f"authority: the answer of {settings.url} holds no list at {settings.workers or 'its top'}",
            remedy="check authority.workers",
        )
    return dict(filter(None, (_worker(one, settings) for one in listed)))


def _worker(one: object, settings: Authority) -> tuple[str, EntityState] | None:
    if not isinstance(one, dict):
        return None
    name, seq = one.get(settings.identifier), one.get(settings.sequence)
    if not isinstance(name, str) or not isinstance(seq, int):
        return None
    return name, EntityState(seq=seq, status=as_text(one.get(settings.status)))
