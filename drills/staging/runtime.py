"""The runtime process: authority, projector, both sinks, Khala channel, auditor, metrics, log and simulator.

``python -m drills.staging.runtime`` serves it on the socket it was handed; see :mod:`drills.staging.process`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine, Iterable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from drills.clock import SYSTEM_CLOCK, Clock
from drills.errors import DrillError
from drills.staging import answers, metrics, process, settings, simulator
from drills.staging.auditor import ParityAuditor
from drills.staging.authority import Authority
from drills.staging.channel import Services
from drills.staging.dashboard import Dashboard
from drills.staging.documents import Event
from drills.staging.faults import FAULTS, Component, Fault, resolve
from drills.staging.khala_socket import KhalaEndpoint
from drills.staging.lanes import ConvexRoute, InFlight, KhalaRoute, Lane
from drills.staging.live_settings import ActiveFaults, LiveSettings, LiveValues
from drills.staging.metrics import Metrics
from drills.staging.operator_api import OperatorApi
from drills.staging.product_api import ProductApi
from drills.staging.projector import Projector
from drills.staging.retention import Retention
from drills.staging.runtime_log import RuntimeLog
from drills.staging.settings import StagingConfig
from drills.staging.simulator import Simulator
from drills.staging.sinks import ConvexSink, KhalaSink
from drills.staging.store import Store
from drills.staging.stream import StreamReader
from drills.staging.tokens import TokenIssuer

PAGES: Final = Path(__file__).parent / "surfaces" / "pages"
FIRST_DOCUMENTS_SECONDS = 1.0
LOG_FILE = "runtime.ndjson"
MAXIMUM_LINES = 5000


class Runtime:
    """Everything of the runtime, wired; :attr:`app` serves it."""

    def __init__(self, config: StagingConfig, faults: Iterable[Fault], clock: Clock = SYSTEM_CLOCK) -> None:
        known = {fault.name: fault for fault in FAULTS if fault.component is Component.RUNTIME}
        self.config = config
        self.clock = clock
        self.faults = ActiveFaults((fault for fault in faults if fault.name in known), known)
        self.settings = LiveSettings(_initial(config))
        self.metrics = Metrics()
        self.log = RuntimeLog(config.state_dir / LOG_FILE, clock)
        self.store = Store(config.database_url)
        self.authority = Authority(self.store, clock)
        self.reader = StreamReader(self.store)
        self.khala_sink = KhalaSink(self.store, clock, config.inline_payload_bytes)
        self.in_flight = InFlight()
        self.lanes = self._lanes()
        self.projector = Projector(self.authority, self.lanes, clock)
        self.retention = Retention(self.store, clock, self.settings, self.metrics, self.log)
        self.auditor = ParityAuditor(
            self.store, clock, self.settings, self.faults, self.in_flight, self.metrics, self.log
        )
        self.simulator = Simulator(self.authority, self.settings, clock, self._projected)
        self.dashboard = Dashboard(self.metrics, self.faults, clock)
        self.app = Starlette(routes=self._routes(), lifespan=self._lifespan, exception_handlers={**answers.errors()})

    async def open(self) -> None:
        """Make the tables, the topics and the first entities, and publish what is not published yet."""
        await asyncio.to_thread(self._prepare)
        await self.reader.open()
        await self.projector.open()
        self.log.write("runtime", "started", pid=os.getpid())

    def close(self) -> None:
        """Give everything back."""
        self.store.close()
        self.log.close()

    def _prepare(self) -> None:
        self.store.create()
        self.khala_sink.open_topics(self.config.first_watermark)
        simulator.seed(self.authority, self.config.workers, self.config.runs)

    def _lanes(self) -> tuple[Lane, Lane]:
        convex = ConvexRoute(ConvexSink(self.store, self.clock), self.metrics, self.settings, self.faults)
        khala = KhalaRoute(self.khala_sink, self.reader, self.metrics, self.settings, self.faults)
        return Lane(convex, self.in_flight, self.clock), Lane(khala, self.in_flight, self.clock)

    def _projected(self, event: Event) -> None:
        self.projector.tell(event.entity, event.entity_id)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        await self.open()
        work = (
            *(lane.run() for lane in self.lanes),
            self.projector.run(),
            self.auditor.run(),
            self.simulator.run(),
            self.dashboard.run(),
            self.retention.run(self.config.retention_interval_seconds),
        )
        async with _running(work, self.log):
            # Whoever finds the runtime ready finds its first documents on both lanes.
            await self.in_flight.settle(FIRST_DOCUMENTS_SECONDS)
            yield
        self.close()

    def _routes(self) -> list[Route | Mount | WebSocketRoute]:
        tokens = TokenIssuer(self.config.jwt_keys, self.clock, self.config.token_ttl_seconds)
        product = ProductApi(self.config, self.store, self.projector, tokens)
        operator = OperatorApi(
            self.config.operator_token,
            self.store,
            self.authority,
            self.projector,
            self.settings,
            self.faults,
            self.retention,
            self.log,
        )
        services = Services(
            self.reader,
            self.metrics,
            self.faults,
            self.clock,
            self.config.heartbeat_seconds,
            self.config.channel_timeout_seconds,
            self.config.slow_consumer_seconds,
        )
        origins = list(self.config.surface_urls.all())
        cors = Middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], allow_credentials=True
        )
        return [
            Route("/healthz", self._healthz),
            Mount("/api", routes=product.routes(), middleware=[cors]),
            Mount("/operator", routes=operator.routes()),
            WebSocketRoute("/sync/socket/websocket", KhalaEndpoint(services, tokens, self.log).serve),
            Route("/metrics", self._exposition),
            Route("/logs", self._logs),
            Route("/dashboard", self._dashboard_page),
            Route("/dashboard/data", self._dashboard_data),
            Mount("/dashboard", StaticFiles(directory=PAGES / "dashboard", check_dir=False)),
            Mount("/shared", StaticFiles(directory=PAGES / "shared", check_dir=False)),
        ]

    async def _healthz(self, _request: Request) -> Response:
        return answers.answer(process.identity(component="runtime"))

    async def _exposition(self, _request: Request) -> Response:
        return Response(self.metrics.exposition(), headers={"content-type": metrics.CONTENT_TYPE})

    async def _logs(self, request: Request) -> Response:
        asked = request.query_params.get("limit", "500")
        if not asked.isdecimal():
            raise answers.RefusedError(422, "invalid_limit", "limit counts lines")
        lines = self.log.newest(request.query_params.get("component"), min(int(asked), MAXIMUM_LINES))
        return Response(lines, media_type="application/x-ndjson")

    async def _dashboard_page(self, _request: Request) -> Response:
        return FileResponse(PAGES / "dashboard" / "index.html")

    async def _dashboard_data(self, _request: Request) -> Response:
        enabled = self.settings.values.khala_sync_parity_enabled == "true"
        return answers.answer({**self.dashboard.data(), "parity_enabled": enabled})


def _initial(config: StagingConfig) -> LiveValues:
    return LiveValues(
        khala_sync_parity_enabled="true" if config.parity_enabled else "false",
        parity_interval_seconds=config.parity_interval_seconds,
        parity_sample=config.parity_sample,
        retention_horizon_seconds=config.retention_horizon_seconds,
        simulator_rate=config.simulator_rate,
    )


@contextlib.asynccontextmanager
async def _running(work: Iterable[Coroutine[None, None, None]], log: RuntimeLog) -> AsyncGenerator[None]:
    """Run ``work`` beside the block. A part that ends by itself takes the process down: half a runtime is none."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.write("runtime", "a part of the runtime ended", "error", reason=repr(task.exception()))
            os.kill(os.getpid(), signal.SIGTERM)

    tasks = [asyncio.create_task(part) for part in work]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Serve the runtime that the environment describes."""
    try:
        config = settings.from_environment()
        names = [name for name in os.environ.get(settings.FAULTS_VARIABLE, "").split(",") if name]
        process.serve(Runtime(config, resolve(names)).app)
    except DrillError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
