"""The operator's page."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from drills.errors import TargetUnreachable
from drills.target.browser.pictures import masked_picture
from drills.target.profile import Console


class ConsolePage:
    """The operator's page, on which switches are flipped as an operator would."""

    def __init__(self, page: Page, console: Console, token: str, *, masks: Sequence[str] = ()) -> None:
        self._page = page
        self._masks = masks
        self._console = console
        self._token = token

    def open(self) -> None:
        """Load the page and sign in where it asks for it.

        Raises:
            TargetUnreachable: the page does not load, or does not let the operator in.
        """
        try:
            self._page.goto(self._console.url, wait_until="domcontentloaded")
            self._page.locator(self._console.sign_in_field).fill(self._token)
            self._page.locator(self._console.sign_in_button).click()
            self._page.locator(self._console.any_toggle).first.wait_for()
        except PlaywrightError as error:
            raise TargetUnreachable(f"the operator console does not open: {error.message}") from None

    def toggle(self, switch: str) -> None:
        """Click the toggle of ``switch``.

        Raises:
            TargetUnreachable: there is no such toggle, or it cannot be clicked.
        """
        try:
            self._page.locator(self._console.toggle.format(switch=switch)).click()
        except PlaywrightError as error:
            raise TargetUnreachable(f"the console's toggle '{switch}' cannot be clicked: {error.message}") from None

    def screenshot(self) -> bytes:
        """Return a PNG of the console, with password fields and the profile's private places masked."""
        return masked_picture(self._page, self._masks)
