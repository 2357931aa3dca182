"""A world of switches in memory, a clock that stands still, and the pieces that put switches back."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from drills.clock import FrozenClock
from drills.evidence.records import SwitchFlipped
from drills.restore.journal import Journal
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.target.switches.memory import MemoryWorld

BASELINE = {"web": "false", "mobile": "false", "sink-path": "dual"}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld(dict(BASELINE))


@pytest.fixture
def journal(state: StateFolder, clock: FrozenClock) -> Journal:
    path = state.journal("staging", "drill-1")
    return Journal.create(path, drill_id="drill-1", target="staging", at=clock.now())


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    @contextmanager
    def limited(size: int) -> Iterator[None]:
        """Let the kernel refuse to make any file of this process larger than ``size``."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def told() -> list[SwitchFlipped]:
    return []


@pytest.fixture
def make_board(
    world: MemoryWorld, journal: Journal, clock: FrozenClock, told: list[SwitchFlipped]
) -> Callable[..., Switchboard]:
    return partial(
        Switchboard,
        world.switches(),
        journal,
        clock,
        pause=clock.advance,
        on_flip=told.append,
        ranks={"web": 1, "mobile": 1, "sink-path": 2},
        surfaces={"web": "web", "mobile": "mobile"},
    )


@pytest.fixture
def board(make_board: Callable[..., Switchboard]) -> Switchboard:
    board = make_board()
    board.baseline()
    return board
