"""The double of a switch behaves as the real ones do."""

from __future__ import annotations

import pytest

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.switches.memory import MemoryWorld


def test_a_change_is_in_effect_when_read_says_so() -> None:
    """Without a delay a change is there at once; with one it takes as many reads, and the last to ask has its way."""
    world = MemoryWorld({"web": "false"})
    switch = world.switches()["web"]
    switch.ask("true")
    assert switch.read() == "true"
    world.delay = 2
    switch.ask("false")
    switch.ask("maybe")
    assert [switch.read() for _ in range(3)] == ["true", "true", "maybe"]


def test_a_switch_is_built_from_its_recipe() -> None:
    """Another process gets at the same value."""
    world = MemoryWorld({"web": "false"})
    world.build(world.switches()["web"].recipe).ask("true")
    assert (world.values, world.asked) == ({"web": "true"}, [("web", "true")])


def test_refusal_and_silence_are_those_of_a_target() -> None:
    """A refusing switch fails, a silent one is unreachable, and neither changes."""
    world = MemoryWorld({"web": "false"}, refusing={"web"})
    switch = world.switches()["web"]
    with pytest.raises(SwitchFailed):
        switch.ask("true")
    world.silent.add("web")
    with pytest.raises(TargetUnreachable):
        switch.read()
    assert world.values == {"web": "false"}
