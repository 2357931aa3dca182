"""Synthetic clients that connect, drop and resume, so that catch-up has something to measure."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

from drills.errors import TargetUnreachable
from drills.target.khala.figures import Figures, Measurement
from drills.target.khala.herd import LINE, Measured, Task
from drills.target.khala.token import TOKEN_RENEWAL_SECONDS

STOP_SECONDS = 5.0
#: Without a token the next is asked for after this long.
AGAIN_SECONDS = 2.0


class Cohort:
    """``clients`` Phoenix clients that subscribe, stay a while, drop, and resume from where they were.

    A share of them, ``old_cursors``, come back each time with the oldest cursor there is. They live in a process of
    their own, which ends with this one; what they meet is written into ``figures``.
    """

    def __init__(
        self,
        socket_url: str,
        topic: str,
        token: Callable[[], str],
        figures: Figures,
        *,
        clients: int,
        stay_seconds: float,
        old_cursors: float = 0.0,
    ) -> None:
        self._task = Task(
            socket_url=socket_url,
            topic=topic,
            clients=clients,
            old=round(clients * old_cursors),
            stay_seconds=stay_seconds,
        )
        self._token = token
        self._figures = figures
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._feed, self._listen)]

    def __enter__(self) -> Self:
        if self._task.clients:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "drills.target.khala"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            for thread in self._threads:
                thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._process is None:
            return
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _feed(self) -> None:
        """Give the process its task, and tokens that are valid; closing its input ends it."""
        assert self._process is not None  # noqa: S101 - the thread is started after it
        assert self._process.stdin is not None  # noqa: S101 - as asked for
        with suppress(BrokenPipeError), self._process.stdin as pipe:  # who listens to the process tells that it is gone
            pipe.write(self._task.model_dump_json() + "\n")
            while not self._stopping.wait(self._offer(pipe)):
                pass

    def _offer(self, pipe: IO[str]) -> float:
        """Write a token and return after how many seconds the next one is due."""
        try:
            pipe.write(self._token() + "\n")
            pipe.flush()
        except TargetUnreachable as error:
            self._figures.failures.append(error.message)
            return AGAIN_SECONDS
        return TOKEN_RENEWAL_SECONDS

    def _listen(self) -> None:
        assert self._process is not None  # noqa: S101 - the thread is started after it
        assert self._process.stdout is not None  # noqa: S101 - as asked for
        with self._process.stdout as pipe:
            for text in pipe:
                line = LINE.validate_json(text)
                if isinstance(line, Measured):
                    self._figures.measurements.append(Measurement(line.at, "cohort", line.kind, line.milliseconds))
                else:
                    self._figures.failures.append(line.reason)
        if not self._stopping.is_set():
            self._figures.failures.append("the process of the cohort ended by itself")
