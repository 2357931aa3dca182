"""How a surface behaves, decided once at its start from its flag and from the faults injected into it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from drills.staging.documents import PROJECTIONS, Entity
from drills.staging.faults import CONVEX_BOOTS_ANYWAY, PROBE_BROKEN
from drills.staging.settings import Frozen, StagingConfig
from drills.staging.surfaces.table import OFF, ON, Surface


class PagePlan(Frozen):
    """The settings a page is built with, as ``/config.json`` hands them out. Durations are seconds.

    ``updates`` is false when the page loads once and never again; ``boot_convex`` makes the mobile page boot the Convex
    provider, and ``open_khala`` any page open a Khala socket, whatever its lane; ``build`` changes with every start of
    the process.
    """

    surface: str
    build: str
    lane: Literal["khala", "legacy"]
    provider: Literal["khala", "convex"]
    probe_url: str
    updates: bool
    boot_convex: bool
    open_khala: bool
    topic: str
    runtime_url: str
    convex_url: str
    khala_socket: str
    legacy_poll_seconds: float
    convex_poll_seconds: float


def flag_value(surface: Surface, environment: Mapping[str, str]) -> str:
    """Return the flag as the surface understands it: ``true`` for exactly that word, ``false`` for anything else."""
    return ON if environment.get(surface.flag) == ON else OFF


def make_plan(surface: Surface, value: str, faults: Collection[str], config: StagingConfig, build: str) -> PagePlan:
    """Return how ``surface`` behaves with its flag at ``value`` and the named ``faults`` in force."""
    khala = value == ON and f"flag-ignored-{surface.name}" not in faults
    return PagePlan(
        surface=surface.name,
        build=build,
        lane="khala" if khala else "legacy",
        provider="khala" if khala else "convex",
        probe_url=_probe_url(
            surface, faults, f"{config.runtime_url}/healthz" if khala else f"{config.convex_url}/version"
        ),
        updates=value == ON or f"fallback-broken-{surface.name}" not in faults,
        boot_convex=CONVEX_BOOTS_ANYWAY.name in faults and CONVEX_BOOTS_ANYWAY.surface == surface.name,
        open_khala=not khala and f"khala-lingers-{surface.name}" in faults,
        topic=PROJECTIONS[Entity.CODEX_WORKER].topic,
        runtime_url=config.runtime_url,
        convex_url=config.convex_url,
        khala_socket=socket_url(config.runtime_url),
        legacy_poll_seconds=config.legacy_poll_seconds,
        convex_poll_seconds=config.convex_poll_seconds,
    )


def _probe_url(surface: Surface, faults: Collection[str], url: str) -> str:
    """Return the address that the connectivity probe asks; under ``probe-broken`` one that speaks no TLS, over TLS."""
    broken = PROBE_BROKEN.name in faults and PROBE_BROKEN.surface == surface.name
    return f"https{url.removeprefix('http')}" if broken else url


def socket_url(runtime_url: str) -> str:
    """Return the address of the Khala socket of this runtime, without any query."""
    return f"ws{runtime_url.removeprefix('http')}/sync/socket/websocket"
