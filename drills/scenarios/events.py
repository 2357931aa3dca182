"""Getting events of the authority, whatever the target offers for that."""

from __future__ import annotations

from collections.abc import Collection

from drills.plugin.drill import Drill
from drills.target.ports import Stimulus


def next_events(drill: Drill, count: int = 1) -> tuple[Stimulus, ...]:
    """Return ``count`` events, asked for at once; fewer where none can be caused and none came by itself in time.

    Events that come by themselves may be one and the same: each surface is to show it.
    """
    events = drill.environment.events
    awaited = [events.ask() for _ in range(count)]
    if events.patience_seconds:
        drill.browser.wait_until(lambda: all(one() is not None for one in awaited), events.patience_seconds)
    return tuple(event for one in awaited if (event := one()) is not None)


def event_without_khala(drill: Drill) -> Stimulus | None:
    """Return an event that the new lane does not carry; None where only that lane could tell which one it was."""
    events = drill.environment.events
    awaited = events.ask()
    return None if events.patience_seconds else awaited()


def why_none(drill: Drill) -> str:
    """Return why there was no event to look at."""
    environment = drill.environment
    if environment.profile.khala.session is None:
        return "no event can be caused, and no update heard: give the target [stimulus], or khala.session"
    if trouble := environment.listener.trouble:
        return f"the drill's own client on the new lane hears nothing: {trouble}"
    return f"no update came by itself within {environment.events.patience_seconds:g} s"


def missing(events: Collection[Stimulus], drill: Drill) -> str:
    """Return why there are no events, nothing where there are some."""
    return "" if events else why_none(drill)
