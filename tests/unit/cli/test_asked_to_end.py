"""A command that watches ends when it is asked to, whatever it is in the middle of."""

from __future__ import annotations

import os
import signal

import pytest

from drills.cli.gates import asked_to_end


@pytest.mark.timeout(20)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_waits_for_no_lock_that_the_struck_thread_holds(number: signal.Signals) -> None:
    """Struck while it is about to wait, the command goes on, and learns that it was asked."""
    with asked_to_end() as asked:
        with vars(asked)["_cond"]:  # what `wait` and `set` hold for a moment
            os.kill(os.getpid(), number)
        assert asked.wait(10)


def test_what_listened_before_listens_again() -> None:
    """The handlers are borrowed."""
    before = signal.getsignal(signal.SIGTERM)
    with asked_to_end():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
