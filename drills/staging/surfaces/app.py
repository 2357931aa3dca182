"""A surface as its process serves it: the page and its files, its settings, and who it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic import NonNegativeInt, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from drills.staging.page_headers import PageHeaders, content_policy
from drills.staging.process import identity
from drills.staging.settings import StagingConfig
from drills.staging.surfaces.plan import PagePlan
from drills.staging.surfaces.table import PAGES, Surface
from drills.staging.surfaces.watermarks import WatermarkFile
from drills.staging.surfaces.window import Window, WindowState

SESSION_COOKIE = "oa_session"
_WATERMARKS = TypeAdapter(dict[str, NonNegativeInt])
_HEALTH = {WindowState.OPENING: "starting", WindowState.OPEN: "ok", WindowState.CLOSED: "failed"}


@dataclass(frozen=True)
class Shell:
    """What only the desktop has: a window on its page and a file for its watermarks."""

    window: Window
    watermarks: WatermarkFile


def build(surface: Surface, value: str, plan: PagePlan, config: StagingConfig, shell: Shell | None) -> Starlette:
    """Return the application of ``surface``, whose flag was read as ``value`` when its process started."""
    session = config.session_secret.get_secret_value()
    policy = content_policy(connect=(plan.runtime_url, plan.convex_url, plan.khala_socket))
    return Starlette(
        routes=[
            Route("/", _page(surface, session)),
            Route("/config.json", _json(plan.model_dump)),
            Route("/healthz", _json(lambda: health(surface, value, shell))),
            *(_shell_routes(shell) if shell else ()),
            Mount("/shared", StaticFiles(directory=PAGES / "shared")),
            Mount("/", StaticFiles(directory=surface.pages)),
        ],
        middleware=[Middleware(PageHeaders, policy=policy)],
        lifespan=_lifespan(config.surface_urls.desktop, shell),
    )


def health(surface: Surface, value: str, shell: Shell | None) -> Mapping[str, str | int | None]:
    """Return what ``/healthz`` says; a desktop without a window that can be joined is not ``ok``."""
    facts = {"surface": surface.name, "flag": surface.flag, "value": value}
    if shell is None:
        return identity(**facts)
    state = shell.window.state
    window = "open" if state is WindowState.OPEN else "closed"
    return {**identity(**facts, window=window, status=_HEALTH[state]), "cdp_url": shell.window.cdp_url}


def _page(surface: Surface, session: str) -> Callable[[Request], Response]:
    content = (surface.pages / "index.html").read_bytes()

    def page(_: Request) -> Response:
        response = HTMLResponse(content)
        response.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="lax")
        return response

    return page


def _json(facts: Callable[[], Mapping[str, object]]) -> Callable[[Request], Response]:
    return lambda _: JSONResponse(facts())


def _shell_routes(shell: Shell) -> tuple[Route, ...]:
    async def replace(request: Request) -> Response:
        try:
            shell.watermarks.replace(_WATERMARKS.validate_json(await request.body()))
        except ValidationError:
            error = {"code": "invalid_watermarks", "message": "watermarks map topics to numbers"}
            return JSONResponse({"error": error}, status_code=422)
        return Response(status_code=204)

    return (
        Route("/watermarks", _json(shell.watermarks.read), methods=["GET"]),
        Route("/watermarks", replace, methods=["PUT"]),
    )


def _lifespan(url: str, shell: Shell | None) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if shell:
            await shell.window.open(url)
        yield
        if shell:
            await shell.window.close()

    return lifespan
