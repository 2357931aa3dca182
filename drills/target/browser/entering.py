"""Getting into a surface: what its browser context is made with, and the steps of signing in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from playwright.sync_api import BrowserContext, HttpCredentials, Page, Playwright, Route, ViewportSize

from drills.errors import ConfigurationError, SwitchFailed, TargetUnreachable
from drills.target.browser.walk import walk
from drills.target.fields import SecretHeader, read_headers, read_secret
from drills.target.profile import Surface
from drills.target.sessions import read_login

DESKTOP_WIDTH, DESKTOP_HEIGHT = 1100, 680


class ContextOptions(TypedDict, total=False):
    """What a new context is made with, as far as a profile says it; a device adds more."""

    viewport: ViewportSize
    http_credentials: HttpCredentials
    storage_state: str | Path


def context_options(playwright: Playwright, surface: Surface | None) -> dict[str, Any]:
    """Return the options of the context in which ``surface`` is opened, or any page where it is None.

    Raises:
        ConfigurationError: Playwright knows no such device.
        ProfileInvalid: a secret is not there.
    """
    device = surface.device if surface else None
    if device is not None and device not in playwright.devices:
        raise ConfigurationError(
            f"Playwright knows no device {device!r}", remedy="see `playwright.devices`, such as 'iPhone 15'"
        )
    options: dict[str, Any] = dict(playwright.devices[device]) if device else {}
    options.pop("default_browser_type", None)
    options.setdefault("viewport", {"width": DESKTOP_WIDTH, "height": DESKTOP_HEIGHT})
    if surface and surface.engine == "firefox":
        options.pop("is_mobile", None)  # Firefox refuses it
    return options | dict(_own_options(surface)) if surface else options


def enter(context: BrowserContext, surface: Surface) -> None:
    """Give a new context what the surface asks for: headers for its origin, and a session.

    Raises:
        TargetUnreachable: signing in does not work.
    """
    send_to_origin(context, surface.origin, surface.headers)
    if surface.login:
        page = context.new_page()
        try:
            sign_in(page, surface.login)
        finally:
            page.close()


def send_to_origin(context: BrowserContext, origin: str, headers: Mapping[str, str | SecretHeader]) -> None:
    """Send ``headers`` with each request to ``origin`` and with no other."""
    if headers:
        added = {name.lower(): value for name, value in read_headers(headers).items()}
        context.route(f"{origin}/**", lambda route: _with(route, added))


def sign_in(page: Page, path: Path) -> None:
    """Do the steps of a login file.

    Raises:
        ProfileInvalid: the file cannot be read or is wrong.
        TargetUnreachable: a step cannot be done.
    """
    login = read_login(path)
    try:
        walk(page, login.url, login.steps)
    except SwitchFailed as error:
        raise TargetUnreachable(f"signing in: {error.message}", remedy=f"check the steps in {path.name}") from None


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _own_options(surface: Surface) -> ContextOptions:
    options: ContextOptions = {}
    if surface.credentials:
        password = read_secret(surface.credentials.password)
        options["http_credentials"] = {
            "username": surface.credentials.username,
            "password": password,
            "origin": surface.origin,
        }
    if surface.storage_state:
        options["storage_state"] = surface.storage_state
    return options


def _with(route: Route, headers: Mapping[str, str]) -> None:
    route.continue_(headers={**route.request.headers, **headers})
