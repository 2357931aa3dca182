"""A signal that comes while the browser is at work ends the work, and leaves the browser."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drills.target.chromium import find
from tests.unmeasured import unmeasured


def test_a_signal_in_the_middle_of_a_message_leaves_the_browser_to_put_things_back_with() -> None:
    """The wait is broken off at once, in the signal's name, and the page can still be asked."""
    if find() is None:
        pytest.skip("no Chromium here")
    command = [sys.executable, "-m", "tests.functional.target.struck_browser"]
    done = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.returncode) == ("SIGTERM 42", 0), done.stderr
