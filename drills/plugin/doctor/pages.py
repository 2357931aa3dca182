"""What the pages of a profile show in a browser: surfaces with their selectors, the dashboard, the console."""

from __future__ import annotations

from collections.abc import Iterator

from drills.errors import DrillError, TargetUnreachable
from drills.plugin.doctor.finding import Finding, found, missed
from drills.target.browser import DrillBrowser, PlaywrightError, SurfacePage
from drills.target.browser.starting import started_browser
from drills.target.fields import read_secret
from drills.target.profile import Profile

#: Seconds that a surface may take until it shows its first row.
ROWS_SECONDS = 10.0


def examine_pages(profile: Profile) -> Iterator[Finding]:
    """Open every page once and yield what was found; no switch is touched."""
    try:
        with started_browser(profile) as browser:
            for surface in profile.surfaces:
                yield _surface(browser, surface)
            if profile.links.dashboard:
                yield _dashboard(browser, profile, profile.links.dashboard)
            if profile.console and profile.operator_api:
                yield _console(browser, profile)
    except DrillError as error:
        yield missed("pages", error)


def _surface(browser: DrillBrowser, surface: str) -> Finding:
    def look() -> str:
        page = browser.surface(surface)
        try:
            page.open()
            browser.wait_until(page.rows, ROWS_SECONDS)
            return _seen(browser, page)
        except PlaywrightError as error:
            raise TargetUnreachable(f"{surface}: {error.message.splitlines()[0]}") from None

    return found(f"surface {surface}", look, f"open it by hand, then check [surfaces.{surface}] and its selectors")


def _seen(browser: DrillBrowser, page: SurfacePage) -> str:
    rows, shown = page.rows(), page.shown()
    if not rows:
        raise TargetUnreachable(f"no element matches {page.profile.selectors.any_row!r} within {ROWS_SECONDS:g} s")
    if not shown:
        raise TargetUnreachable(
            f"{rows} rows, but none with a number at {page.profile.selectors.sequence!r} and a word at "
            f"{page.profile.selectors.status!r}"
        )
    traffic, legacy = page.traffic, page.profile.legacy.request
    browser.wait_until(lambda: traffic.joined() or traffic.requests_to(legacy), ROWS_SECONDS)
    lanes = {"Khala": traffic.joined() is not None, "legacy": bool(traffic.requests_to(legacy))}
    if not any(lanes.values()):
        raise TargetUnreachable(f"{rows} rows, but neither a join of sync:v1 nor a request to {legacy} was seen")
    return f"{rows} rows, traffic of {' and '.join(lane for lane, is_seen in lanes.items() if is_seen)}"


def _dashboard(browser: DrillBrowser, profile: Profile, address: str) -> Finding:
    def look() -> str:
        _, panels = browser.picture_of(address, profile.links.panel, profile.links.dashboard_headers)
        return f"{panels} panels drawn"

    return found("dashboard", look, "open it by hand, then check links.dashboard and links.panel")


def _console(browser: DrillBrowser, profile: Profile) -> Finding:
    def look() -> str:
        assert profile.console is not None  # noqa: S101 - asked before
        assert profile.operator_api is not None  # noqa: S101 - asked before
        browser.console(profile.console, read_secret(profile.operator_api.token)).open()
        return "signed in"

    return found("console", look, "open it by hand, then check [console]")
