"""The faults that can be injected into the embedded staging, as data: what each one breaks, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from drills.errors import ConfigurationError

SURFACES = ("web", "mobile", "desktop")


class Component(StrEnum):
    """The process that carries a fault out."""

    RUNTIME = "runtime"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be made to go wrong. ``surface`` is None for a fault of the runtime."""

    name: str
    component: Component
    description: str
    surface: str | None = None


def _on_each_surface(name: str, description: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(f"{name}-{surface}", Component.SURFACE, f"{surface}: {description}", surface) for surface in SURFACES
    )


KHALA_DROP = Fault("khala-drop", Component.RUNTIME, "documents never reach Khala")
KHALA_CORRUPT = Fault("khala-corrupt", Component.RUNTIME, "documents are altered on their way to Khala")
KHALA_LAG = Fault("khala-lag", Component.RUNTIME, "documents reach Khala about three seconds late")
KHALA_STALL = Fault("khala-stall", Component.RUNTIME, "the Khala socket accepts, then never says a word")
STALE_CURSOR = Fault("stale-cursor", Component.RUNTIME, "every resumed subscription is told that its cursor is stale")
AUDITOR_SILENT = Fault("auditor-silent", Component.RUNTIME, "the parity auditor says it is enabled and does nothing")
AUDITOR_UNSTOPPABLE = Fault("auditor-unstoppable", Component.RUNTIME, "the parity auditor goes on when switched off")
AUDITOR_BLIND = Fault("auditor-blind", Component.RUNTIME, "the parity auditor's cycles compare nothing")
AUDITOR_SKIPS = Fault("auditor-skips", Component.RUNTIME, "the parity auditor leaves out every second document")
AUDITOR_LENIENT = Fault("auditor-lenient", Component.RUNTIME, "the parity auditor calls every document a match")
STALE_IGNORED = Fault("stale-ignored", Component.RUNTIME, "cursors from before retention are resumed without a word")
STALE_UNCOUNTED = Fault("stale-uncounted", Component.RUNTIME, "stale cursors are refused and not counted")
REPLAY_LATE = Fault("replay-late", Component.RUNTIME, "a replay is counted half a second before it is sent")
REPLAY_UNCOUNTED = Fault("replay-uncounted", Component.RUNTIME, "replays that bring nothing new are not counted")
HEARTBEAT_MUTE = Fault("heartbeat-mute", Component.RUNTIME, "heartbeats of the channel are not answered")
CONVEX_DROP = Fault("convex-drop", Component.RUNTIME, "documents never reach Convex")
SINK_IGNORED = Fault("sink-ignored", Component.RUNTIME, "at convex-only documents reach Khala as before")
SINK_MUTES = Fault("sink-mutes", Component.RUNTIME, "at convex-only documents do not reach Convex either")
SINK_FORGETS = Fault(
    "sink-forgets", Component.RUNTIME, "back at dual, documents that Khala missed never reach it again"
)
DASHBOARD_SHORT = Fault(
    "dashboard-short", Component.RUNTIME, "the parity dashboard lacks its panel of missing documents"
)
FLAG_SHARED = Fault("flag-shared", Component.SURFACE, "web: flipping its flag flips mobile's too", "web")
PROBE_BROKEN = Fault("probe-broken", Component.SURFACE, "desktop: the connectivity probe is never answered", "desktop")
CONVEX_BOOTS_ANYWAY = Fault(
    "convex-boots-anyway", Component.SURFACE, "mobile: the Convex provider boots although the flag is on", "mobile"
)

FAULTS: tuple[Fault, ...] = (
    KHALA_DROP,
    KHALA_CORRUPT,
    KHALA_LAG,
    KHALA_STALL,
    STALE_CURSOR,
    AUDITOR_SILENT,
    AUDITOR_UNSTOPPABLE,
    AUDITOR_BLIND,
    AUDITOR_SKIPS,
    AUDITOR_LENIENT,
    STALE_IGNORED,
    STALE_UNCOUNTED,
    REPLAY_LATE,
    REPLAY_UNCOUNTED,
    HEARTBEAT_MUTE,
    CONVEX_DROP,
    SINK_IGNORED,
    SINK_MUTES,
    SINK_FORGETS,
    DASHBOARD_SHORT,
    *_on_each_surface("flag-ignored", "the flag is set, the lane stays what it was"),
    *_on_each_surface("fallback-broken", "with the flag off nothing is updated after the first load"),
    *_on_each_surface("khala-lingers", "with the flag off the Khala socket is opened all the same"),
    FLAG_SHARED,
    PROBE_BROKEN,
    CONVEX_BOOTS_ANYWAY,
)


def resolve(names: Iterable[str]) -> tuple[Fault, ...]:
    """Return the faults of these names, each once, in the order of :data:`FAULTS`.

    A name without its surface (``flag-ignored``, ``fallback-broken``) stands for that fault on every surface.

    Raises:
        ConfigurationError: a name is not known; all unknown ones are listed.
    """
    wanted = tuple(names)
    if unknown := [name for name in wanted if not any(_means(name, fault) for fault in FAULTS)]:
        raise ConfigurationError(
            "these faults are not known",
            mistakes=unknown,
            remedy=f"choose from {', '.join(fault.name for fault in FAULTS)}",
        )
    return tuple(fault for fault in FAULTS if any(_means(name, fault) for name in wanted))


def _means(name: str, fault: Fault) -> bool:
    return fault.name in {name, f"{name}-{fault.surface}"}
