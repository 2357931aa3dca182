"""Steps on a web page, done by Playwright: signing in to a surface, or setting a switch on an admin page."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from drills.errors import SwitchFailed
from drills.target.fields import read_secret
from drills.target.recipes import VALUE
from drills.target.steps import Step

#: Milliseconds that one step may wait for its element.
STEP_MS = 15_000

_ACTIONS: dict[str, Callable[[Page, str, str], object]] = {
    "goto": lambda page, target, _: page.goto(target, wait_until="domcontentloaded"),
    "fill": lambda page, target, text: page.locator(target).fill(text),
    "select": lambda page, target, text: page.locator(target).select_option(text),
    "click": lambda page, target, _: page.locator(target).click(),
    "check": lambda page, target, _: page.locator(target).check(),
    "uncheck": lambda page, target, _: page.locator(target).uncheck(),
    "press": lambda page, target, text: page.locator(target).press(text),
    "wait": lambda page, target, _: page.locator(target).first.wait_for(),
}


def walk(page: Page, url: str, steps: Iterable[Step], value: str = "") -> None:
    """Open ``url`` and do ``steps``, one after the other.

    Raises:
        SwitchFailed: a step cannot be done; the message names it, without what was typed.
        ProfileInvalid: a secret is not there.
    """
    page.set_default_timeout(STEP_MS)
    _do(page, Step(goto=url), value, f"{url} does not open")
    for number, step in enumerate(steps, start=1):
        _do(page, step, value, f"step {number} on {url} ({step.action} {step.target})")


def _do(page: Page, step: Step, value: str, what: str) -> None:
    text = read_secret(step.secret) if step.secret else (step.text or "").replace(VALUE, value)
    try:
        _ACTIONS[step.action](page, step.target.replace(VALUE, value), text)
    except PlaywrightError as error:
        # Playwright's call log quotes what was typed; its first line does not.
        raise SwitchFailed(f"{what}: {error.message.splitlines()[0]}", remedy="try the step by hand") from None
