"""What a watchdog makes of the pipe from its drill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest

from drills.restore.vigil import ALIVE, DONE, Ending, listen, readable


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@pytest.mark.parametrize("words", [DONE, ALIVE * 5 + DONE])
def test_the_last_word_is_a_clean_end(pipe: tuple[int, int], words: bytes) -> None:
    """A drill that said that everything is back has not died, even if its end of the pipe closes right after."""
    os.write(pipe[1], words)
    os.close(pipe[1])
    assert listen(pipe[0], 5) is Ending.DONE


@pytest.mark.parametrize("words", [b"", ALIVE * 5])
def test_an_end_without_the_last_word_is_a_death(pipe: tuple[int, int], words: bytes) -> None:
    """Signs of life do not make up for the missing last word."""
    os.write(pipe[1], words)
    os.close(pipe[1])
    assert listen(pipe[0], 5) is Ending.DIED


def test_silence_is_a_hang(pipe: tuple[int, int]) -> None:
    """A pipe that stays open and silent until the deadline belongs to a drill that hangs."""
    os.write(pipe[1], ALIVE)
    assert listen(pipe[0], 0.05) is Ending.HANGS


def test_waiting_takes_any_descriptor(pipe: tuple[int, int]) -> None:
    """A drill with thousands of sockets has descriptors beyond 1023; they are waited for like any other."""
    high = os.dup2(pipe[0], 2000)
    try:
        assert not readable(high, 0)
        os.write(pipe[1], ALIVE)
        assert readable(high, 0)
    finally:
        os.close(high)
