"""The Convex lane as its clients see it: a process and an origin of its own, asked again and again over HTTP.

It serves the documents that the Convex sink wrote, and knows nothing of Khala.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Annotated, Literal

import orjson
from pydantic import Field, JsonValue
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drills.errors import DrillError
from drills.staging import answers, process, settings
from drills.staging.documents import PROJECTIONS, Entity
from drills.staging.settings import StagingConfig
from drills.staging.store import Store, convex_documents

VERSION = "convex-staging 1"
QUERIES = {
    "codexWorkers:list": PROJECTIONS[Entity.CODEX_WORKER].name,
    "runs:list": PROJECTIONS[Entity.RUN].name,
}


class Query(answers.Body):
    """A query by the path of its function."""

    path: str
    args: Annotated[Mapping[str, JsonValue], Field(max_length=0)] = {}
    format: Literal["json"] = "json"


class Convex:
    """The lane's endpoints over the store."""

    def __init__(self, config: StagingConfig) -> None:
        self._store = Store(config.database_url)
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(config.surface_urls.all()),
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
        )
        self.app = Starlette(
            routes=[
                Route("/version", self._version),
                Route("/healthz", self._healthz),
                Route("/api/query", self._query, methods=["POST"]),
            ],
            middleware=[cors],
            lifespan=self._lifespan,
            exception_handlers={**answers.errors()},
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        # It may be up before the runtime, which owns the tables.
        await asyncio.to_thread(self._store.create)
        yield
        self._store.close()

    async def _version(self, _request: Request) -> Response:
        return PlainTextResponse(VERSION, headers={"cache-control": "no-store"})

    async def _healthz(self, _request: Request) -> Response:
        return answers.answer(process.identity(component="convex"))

    async def _query(self, request: Request) -> Response:
        query = await answers.read_body(request, Query)
        if (projection := QUERIES.get(query.path)) is None:
            message = f"Could not find public function for '{query.path}'."
            return answers.answer({"status": "error", "errorMessage": message})
        return answers.answer({"status": "success", "value": await asyncio.to_thread(self._documents, projection)})

    def _documents(self, projection: str) -> Sequence[orjson.Fragment]:
        held = select(convex_documents).where(convex_documents.c.projection_name == projection)
        with self._store.reading() as connection:
            rows = connection.execute(held.order_by(convex_documents.c.document_id)).all()
        return [orjson.Fragment(row.payload) for row in rows]


def main() -> None:
    """Serve the Convex lane of the staging that the environment describes."""
    try:
        process.serve(Convex(settings.from_environment()).app)
    except DrillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
