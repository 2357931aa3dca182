"""Surfaces are looked at together when their switches are put back, and each answers for itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drills.errors import TargetUnreachable
from drills.plugin.effect import Effects
from drills.runbook.load import load_runbook

LEGACY = "http://legacy.example/workers"


class Page:
    """A surface on its legacy lane, or one that does not open."""

    def __init__(self, name: str, told: list[str], *, opens: bool = True) -> None:
        self.profile = SimpleNamespace(legacy=SimpleNamespace(request=LEGACY))
        self.traffic = SimpleNamespace(opened_at=0.0, sockets=[], requests_to=lambda prefix: [prefix])
        self._name, self._told, self._opens = name, told, opens

    def open(self) -> None:
        """Open, and tell of it."""
        self._told.append(f"opened {self._name}")
        if not self._opens:
            raise TargetUnreachable(f"{self._name} does not open")


def a_drill(told: list[str], *, broken: str = "") -> Any:
    """A drill that flipped web and desktop, and put both back."""
    runbook = load_runbook()
    pages = {name: Page(name, told, opens=name != broken) for name in ("web", "desktop")}
    profile = SimpleNamespace(khala=SimpleNamespace(socket_url="ws://khala.example"), patience_seconds=1.0)

    def wait_until(condition: Any) -> bool:
        told.append("waited")
        return bool(condition())

    return SimpleNamespace(
        runbook=runbook,
        flips=[SimpleNamespace(switch="web"), SimpleNamespace(switch="desktop"), SimpleNamespace(switch="web")],
        surface=pages.__getitem__,
        value=lambda switch: runbook.switch(switch).old_lane,
        environment=SimpleNamespace(profile=profile),
        wait_until=wait_until,
    )


def test_all_surfaces_are_opened_before_the_first_is_waited_for() -> None:
    """Each is opened once, and every one of them is looked at."""
    told: list[str] = []
    effects = Effects(a_drill(told))

    assert [effects.observe(name) for name in ("web", "desktop")] == [
        "read back, and web was seen on the legacy lane",
        "read back, and desktop was seen on the legacy lane",
    ]
    assert told == ["opened web", "opened desktop", "waited", "waited"]


def test_a_surface_that_does_not_open_is_told_of_itself_alone() -> None:
    """The others are seen all the same."""
    effects = Effects(a_drill([], broken="desktop"))

    assert effects.observe("web") == "read back, and web was seen on the legacy lane"
    with pytest.raises(TargetUnreachable, match="desktop does not open"):
        effects.observe("desktop")


def test_a_surface_on_the_other_lane_is_not_seen_as_restored() -> None:
    """A Khala socket beside the legacy requests is a contradiction, and the waiting time is named."""
    drill = a_drill([])
    drill.surface("web").traffic.sockets.append("ws://khala.example/sync")

    with pytest.raises(TargetUnreachable, match="web was not seen on the legacy lane within 1 s"):
        Effects(drill).observe("web")
