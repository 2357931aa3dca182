"""The runtime's HTTP API as the product's surfaces use it: session, sync token, workers, documents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Row, Select, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from drills.staging.answers import Body, RefusedError, bearer, data, guarded, read_body, same
from drills.staging.documents import PROJECTIONS, TOPICS, Entity, EntityState
from drills.staging.projector import Projector
from drills.staging.settings import StagingConfig
from drills.staging.store import Store, checkpoints, read_models
from drills.staging.stream import read_bounds
from drills.staging.tokens import AUDIENCE, CLAIMS_VERSION, ISSUER, Grant, ScopeRefusedError, Subject, TokenIssuer

SESSION_COOKIE = "oa_session"
OPERATOR = Subject("user_staging", "org_staging")


class TokenRequest(Body):
    """What ``POST /api/sync/token`` takes."""

    scopes: tuple[str, ...] = ()


class ProductApi:
    """The endpoints under ``/api``."""

    def __init__(self, config: StagingConfig, store: Store, projector: Projector, tokens: TokenIssuer) -> None:
        self._config = config
        self._store = store
        self._projector = projector
        self._tokens = tokens

    def routes(self) -> Sequence[Route]:
        """Return the routes, relative to ``/api``."""
        return (
            Route("/auth/session", guarded(self.session, self._signed_in)),
            Route("/sync/token", guarded(self.token, self._signed_in), methods=["POST"]),
            Route("/runtime/codex/workers", self.workers),
            Route("/runtime/codex/workers/{worker_id}", self.worker),
            Route("/sync/documents", self.documents),
            Route("/sync/documents/{doc_key:path}", self.document),
        )

    async def session(self, _request: Request) -> Response:
        """Say who is signed in."""
        user = {"id": OPERATOR.user_id, "name": "Staging Operator", "email": "operator@staging.example"}
        return data({"user": user, "org_id": OPERATOR.org_id})

    async def token(self, request: Request) -> Response:
        """Mint a sync token for the scopes asked for."""
        wanted = await read_body(request, TokenRequest)
        try:
            return data(_granted(self._tokens.mint(OPERATOR, wanted.scopes)))
        except ScopeRefusedError as error:
            raise RefusedError(422, "invalid_scope", str(error), scopes=list(error.scopes)) from None

    async def workers(self, _request: Request) -> Response:
        """List every Codex worker as the authority knows it."""
        states = self._projector.states(Entity.CODEX_WORKER)
        projected = await asyncio.to_thread(self._projected)
        return data([_worker(state, projected) for state in states.values()])

    async def worker(self, request: Request) -> Response:
        """Show one Codex worker."""
        if (state := self._projector.states(Entity.CODEX_WORKER).get(request.path_params["worker_id"])) is None:
            raise RefusedError(404, "not_found", "there is no such worker")
        return data(_worker(state, await asyncio.to_thread(self._projected)))

    async def documents(self, request: Request) -> Response:
        """List the read models of a topic, with the watermark from which a subscription misses nothing of them."""
        if (topic := request.query_params.get("topic", "")) not in TOPICS:
            raise RefusedError(422, "invalid_topic", f"topic is one of {', '.join(TOPICS)}")
        # The watermark first: a row that comes in between is then seen twice, never missed.
        bounds = await asyncio.to_thread(read_bounds, self._store, [topic])
        query = select(read_models).where(read_models.c.topic == topic).order_by(read_models.c.doc_key)
        rows = await asyncio.to_thread(self._rows, query)
        content = orjson.dumps({"data": [_document(row) for row in rows], "watermark": bounds[topic].head})
        return Response(content, media_type="application/json", headers={"cache-control": "no-store"})

    async def document(self, request: Request) -> Response:
        """Show one read model."""
        query = select(read_models).where(read_models.c.doc_key == request.path_params["doc_key"])
        if not (rows := await asyncio.to_thread(self._rows, query)):
            raise RefusedError(404, "not_found", "there is no such document")
        return data(_document(rows[0]))

    def _signed_in(self, request: Request) -> bool:
        given = request.cookies.get(SESSION_COOKIE) or bearer(request)
        return same(given, self._config.session_secret)

    def _projected(self) -> Mapping[str, Mapping[str, object]]:
        query = select(checkpoints).where(checkpoints.c.projection_name == PROJECTIONS[Entity.CODEX_WORKER].name)
        return {
            row.entity_id: {
                "document_id": row.document_id,
                "last_runtime_seq": row.last_runtime_seq,
                "projection_version": row.projection_version,
                "projected_at": row.updated_at.isoformat(),
            }
            for row in self._rows(query)
        }

    def _rows(self, query: Select[*tuple[object, ...]]) -> Sequence[Row[*tuple[object, ...]]]:
        with self._store.reading() as connection:
            return connection.execute(query).all()


def _granted(grant: Grant) -> Mapping[str, object]:
    return {
        "token": grant.token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in,
        "issued_at": grant.issued_at.isoformat(),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "claims_version": CLAIMS_VERSION,
        "scopes": list(grant.scopes),
        "kid": grant.kid,
        "subject": grant.subject.user_id,
        "org_id": grant.subject.org_id,
    }


def _worker(state: EntityState, projected: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    known = {"worker_id": state.entity_id, **state.fields, "latest_seq": state.seq}
    return {**known, "projection": projected.get(state.entity_id)}


def _document(row: Row[*tuple[object, ...]]) -> Mapping[str, object]:
    return {
        "doc_key": row.doc_key,
        "doc_version": row.doc_version,
        "payload": orjson.Fragment(row.payload),
        "payload_hash": row.payload_hash,
        "updated_at": row.updated_at.isoformat(),
    }
