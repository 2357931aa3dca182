"""A browser of one's own, for a look at the pages of a profile outside of a drill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from drills.target.browser.pages import DrillBrowser
from drills.target.chromium import launch_arguments, provide
from drills.target.profile import Profile


def _uninterrupted() -> None:
    """Let nothing but Ctrl-C itself break off what waits."""


@contextmanager
def started_browser(profile: Profile) -> Iterator[DrillBrowser]:
    """Start a browser and close it with everything that was opened in it.

    Raises:
        BrowserMissing: there is none, and none can be installed.
    """
    executable = provide().executable
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=launch_arguments())
        pages = DrillBrowser(playwright, browser, profile, _uninterrupted)
        try:
            yield pages
        finally:
            pages.close()
            browser.close()
