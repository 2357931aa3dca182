"""The operator's console: whoever knows the token sees the staging and flips it with a mouse or a keyboard."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

if TYPE_CHECKING:
    from tests.functional.supervisor.conftest import Staging, Wait

PATIENCE_MS = 15_000


@pytest.fixture
def page(viewer: Browser, staging: Staging) -> Iterator[Page]:
    """The console as it greets a stranger."""
    with viewer.new_context() as context:
        opened = context.new_page()
        opened.goto(staging.urls["console"])
        yield opened


@pytest.fixture
def console(page: Page, staging: Staging) -> Page:
    """The console, signed in."""
    sign_in(page, staging.ready["operator_token"])
    expect(page.locator('button[role="switch"][data-switch]')).to_have_count(5)
    return page


def sign_in(page: Page, token: str) -> None:
    """Send the sign-in form."""
    page.locator("#operator-token").fill(token)
    page.locator("button#sign-in").click()


def toggle(page: Page, name: str) -> Locator:
    """Return the toggle of a switch."""
    return page.locator(f'button[role="switch"][data-switch="{name}"]')


def stands_at(page: Page, name: str, value: str, *, checked: bool) -> None:
    """Return once a toggle is ready and shows a value."""
    button = toggle(page, name)
    expect(button).to_have_attribute("data-state", "ready", timeout=PATIENCE_MS)
    expect(button).to_have_attribute("data-value", value)
    expect(button).to_have_attribute("aria-checked", str(checked).lower())


def test_a_stranger_sees_only_the_door(page: Page) -> None:
    """Without the token there is a form and nothing of the staging."""
    expect(page.get_by_label("Operator token")).to_be_visible()
    assert page.locator('button[role="switch"][data-switch]').count() == 0
    sign_in(page, "canary-wrong-token")
    expect(page.locator("#refusal")).to_have_text("this is not the operator token of this staging")
    assert page.locator('button[role="switch"][data-switch]').count() == 0


@pytest.mark.parametrize("surface", ["web", "mobile", "desktop"])
def test_a_click_flips_a_surface_and_another_one_flips_it_back(console: Page, staging: Staging, surface: str) -> None:
    """The toggle is busy while the surface restarts, then shows what the live surface says, as the API does."""
    staging.flip(surface, "false")
    stands_at(console, surface, "false", checked=False)
    toggle(console, surface).click()
    expect(toggle(console, surface)).to_have_attribute("data-state", "busy")
    expect(toggle(console, surface)).to_be_disabled()
    stands_at(console, surface, "true", checked=True)
    assert (staging.switch(surface)["value"], staging.health(surface)["value"]) == ("true", "true")
    card = console.locator("article", has=toggle(console, surface))
    expect(card.locator('[data-part="pid"]')).to_have_text(str(staging.health(surface)["pid"]))
    toggle(console, surface).click()
    stands_at(console, surface, "false", checked=False)
    assert staging.health(surface)["value"] == "false"


@pytest.mark.parametrize(
    ("switch", "on", "off"), [("sink-path", "dual", "convex-only"), ("parity-auditor", "true", "false")]
)
def test_a_click_flips_a_runtime_switch(console: Page, staging: Staging, switch: str, on: str, off: str) -> None:
    """Runtime switches show their values and are flipped the same way."""
    stands_at(console, switch, on, checked=True)
    toggle(console, switch).click()
    stands_at(console, switch, off, checked=False)
    assert staging.switch(switch)["value"] == off
    toggle(console, switch).click()
    stands_at(console, switch, on, checked=True)


def test_the_keyboard_is_enough(page: Page, staging: Staging) -> None:
    """The field has the focus, Enter signs in, Space flips the toggle that has the focus."""
    expect(page.locator("#operator-token")).to_be_focused()
    page.keyboard.type(staging.ready["operator_token"])
    page.keyboard.press("Enter")
    stands_at(page, "sink-path", "dual", checked=True)
    page.get_by_role("switch", name="Sink path: sink_path").focus()
    page.keyboard.press("Space")
    stands_at(page, "sink-path", "convex-only", checked=False)
    page.keyboard.press("Space")
    stands_at(page, "sink-path", "dual", checked=True)


def test_what_others_flip_is_shown(console: Page, staging: Staging) -> None:
    """The console follows flips that come over the API."""
    staging.flip("web", "true")
    stands_at(console, "web", "true", checked=True)
    staging.flip("web", "false")
    stands_at(console, "web", "false", checked=False)


def test_faults_are_toggled(console: Page, staging: Staging) -> None:
    """A fault's toggle injects it and clears it again."""
    fault = console.locator('button[role="switch"][data-fault="khala-lag"]')
    expect(fault).to_have_attribute("aria-checked", "false")
    fault.click()
    expect(fault).to_have_attribute("aria-checked", "true")
    assert staging.get("/faults")["active"] == ["khala-lag"]
    expect(console.locator("#fault-count")).to_have_text("1")
    fault.click()
    expect(fault).to_have_attribute("aria-checked", "false")
    assert staging.get("/faults")["active"] == []


def test_a_dead_surface_can_be_started_again(console: Page, staging: Staging, wait: Wait) -> None:
    """A surface that ended by itself is shown as failed, with a button that starts it with the value it had."""
    staging.flip("mobile", "true")
    stands_at(console, "mobile", "true", checked=True)
    os.kill(staging.pids()["mobile"], signal.SIGKILL)
    expect(toggle(console, "mobile")).to_have_attribute("data-state", "failed", timeout=PATIENCE_MS)
    console.locator("article", has=toggle(console, "mobile")).get_by_role("button", name="Start again").click()
    stands_at(console, "mobile", "true", checked=True)
    wait(lambda: staging.health("mobile")["value"] == "true", "mobile is back")


def test_the_environment_and_the_lease_are_shown(console: Page, staging: Staging) -> None:
    """Links lead to the pages, processes are listed, and a lease says who holds the staging."""
    links = console.locator("#links a")
    names = ["dashboard", "metrics", "logs", "web", "mobile", "desktop"]
    expect(links).to_have_count(len(names))
    assert [link.get_attribute("href") for link in links.all()] == [staging.urls[name] for name in names]
    expect(console.locator("#processes tr")).to_have_count(5)
    asked = {"owner": "ada", "drill_id": "drill-7", "seconds": 60, "baseline": {}}
    token = staging.operate("PUT", "/lease", asked)[1]["data"]["token"]
    expect(console.locator("#lease")).to_contain_text("Held by ada, drill drill-7")
    staging.operate("DELETE", "/lease", token=str(token))
    expect(console.locator("#lease")).to_have_text("No lease")


def test_signing_out_ends_the_session(console: Page, staging: Staging) -> None:
    """After signing out the door is closed, and the old session opens nothing."""
    (cookie,) = [one for one in console.context.cookies() if one["name"].startswith("console_")]
    headers = {"cookie": f"{cookie['name']}={cookie['value']}"}
    url = f"{staging.urls['operator']}/switches"
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert staging.anybody.get(url, headers=headers).status_code == 200
    console.get_by_role("button", name="Sign out").click()
    expect(console.locator("#operator-token")).to_be_visible()
    assert staging.anybody.get(url, headers=headers).status_code == 401


def test_another_page_of_this_host_cannot_use_the_session(console: Page, staging: Staging) -> None:
    """Ports share cookies: with the session's cookie but from another origin nothing can be changed."""
    (cookie,) = [one for one in console.context.cookies() if one["name"].startswith("console_")]
    url = f"{staging.urls['operator']}/switches/web"
    for origin in ({}, {"origin": staging.urls["web"]}):
        headers = {"cookie": f"{cookie['name']}={cookie['value']}", **origin}
        assert staging.anybody.put(url, json={"value": "true"}, headers=headers).status_code == 401
    assert staging.health("web")["value"] == "false"


def test_the_console_is_quiet(viewer: Browser, staging: Staging) -> None:
    """Opening the console and signing in writes no warning and no error to the browser's console."""
    said: list[str] = []
    with viewer.new_context() as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(staging.urls["console"])
        sign_in(page, staging.ready["operator_token"])
        stands_at(page, "sink-path", "dual", checked=True)
    assert said == []
