"""A pytest plugin: pytest-timeout's thread method, set off by a file that appears rather than by the clock.

What happens then is pytest-timeout's own: it prints the stacks and ends the process at once.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import pytest_timeout  # type: ignore[import-untyped]  # it comes without types

#: The variable that names the file.
VARIABLE = "KILLS_TIMEOUT_WORD"


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool:
    """Wait for the word beside every test."""
    threading.Thread(target=_wait, args=(item, settings), daemon=True).start()
    return True


def _wait(item: pytest.Item, settings: pytest_timeout.Settings) -> None:
    word = Path(os.environ[VARIABLE])
    while not word.exists():
        time.sleep(0.002)  # between two looks at the file
    pytest_timeout.timeout_timer(item, settings)
