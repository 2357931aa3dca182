"""A program whose browser is struck by a signal while a message of it is being taken in."""

from __future__ import annotations

import os
import signal
import sys

from playwright.sync_api import sync_playwright

from drills.plugin.interruption import Interruption
from drills.target.chromium import find, launch_arguments


def main() -> None:
    """Print the name of the signal that broke off the wait, and what the browser answers afterwards."""
    choice, interruption = find(), Interruption()
    assert choice is not None, "the caller looked"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=choice.executable, args=launch_arguments())
        page = browser.new_page()
        page.on("console", lambda _message: os.kill(os.getpid(), signal.SIGTERM))
        interruption.arm()
        try:
            page.evaluate("console.log('now')")
            page.wait_for_timeout(10_000)
        except KeyboardInterrupt as broken_off:
            interruption.disarm()
            sys.stdout.write(f"{broken_off} {page.evaluate('6 * 7')}\n")
        browser.close()


if __name__ == "__main__":
    main()
