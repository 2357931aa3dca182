"""A signal ends a drill once, in order, and is not forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from drills.plugin.interruption import ENDING, Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """An interruption that listens; the handlers of this process are put back."""
    before = {number: signal.getsignal(number) for number in ENDING}
    armed = Interruption()
    armed.arm()
    yield armed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_breaks_off_and_keeps_its_name(interruption: Interruption, number: signal.Signals) -> None:
    """The reason of the interrupted drill is the signal's name."""
    with pytest.raises(KeyboardInterrupt, match=number.name):
        os.kill(os.getpid(), number)
    assert interruption.name == number.name


def test_a_signal_that_was_swallowed_is_raised_again(interruption: Interruption) -> None:
    """Wherever the drill waits next, it ends."""
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        interruption.check()


def test_without_a_signal_nothing_happens(interruption: Interruption) -> None:
    """Asking costs nothing."""
    interruption.check()
    assert interruption.name is None


def test_once_disarmed_nothing_breaks_off_what_puts_switches_back(interruption: Interruption) -> None:
    """A second, impatient signal does not stop a restore."""
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    interruption.disarm()
    os.kill(os.getpid(), signal.SIGTERM)
    interruption.check()
    assert interruption.name == "SIGINT"


def test_a_signal_waits_for_the_step_of_an_event_loop(interruption: Interruption) -> None:
    """What the browser library is in the middle of is not broken off; the loop and its tasks go on afterwards."""
    steps: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("the step that was struck")
        await asyncio.sleep(0)
        steps.append("the next one")

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work())
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            loop.run_until_complete(task)
        assert steps == ["the step that was struck"]
        loop.run_until_complete(task)
    assert steps[1:] == ["the next one"]
    assert interruption.name == "SIGTERM"


def test_a_loop_that_only_waits_is_broken_off(interruption: Interruption) -> None:
    """A wait is no step: nobody has to sit it out."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(asyncio.Event().wait())
        striker = threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        striker.start()
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            loop.run_until_complete(task)
        striker.join()
    assert interruption.name == "SIGINT"
