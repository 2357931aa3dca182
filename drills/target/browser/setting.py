"""The program by which a page switch is set, in a browser of its own: all that it needs is the recipe.

``python -m drills.target.browser.setting VALUE``, with the recipe on standard input, does the steps for that value.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from drills.errors import DrillError
from drills.target.browser.walk import walk
from drills.target.chromium import launch_arguments, provide
from drills.target.recipes import PageSwitchRecipe

SETTLE_MS = 5_000


def main(value: str) -> int:
    """Set the switch whose recipe is on standard input to ``value``; say on standard error why it cannot be set."""
    recipe = PageSwitchRecipe.model_validate_json(sys.stdin.read())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=provide().executable, args=launch_arguments())
            _set(browser, recipe, value)
    except DrillError as error:
        sys.stderr.write(error.message)
        return 1
    return 0


def _set(browser: Browser, recipe: PageSwitchRecipe, value: str) -> None:
    page = browser.new_context().new_page()
    try:
        walk(page, recipe.url, [*recipe.login, *recipe.by_value.get(value, recipe.steps)], value)
        with suppress(PlaywrightError):  # what the last step has sent off is to arrive before the browser goes
            page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
    finally:
        browser.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
