"""Surfaces, the operator console and the dashboard, as Playwright sees them. The only package that knows Playwright."""

from __future__ import annotations

from playwright.sync_api import Browser, Playwright
from playwright.sync_api import Error as PlaywrightError

from drills.target.browser.console import ConsolePage
from drills.target.browser.pages import DrillBrowser
from drills.target.browser.recorder import Recorder
from drills.target.browser.surface import Row, SurfacePage

__all__ = ["Browser", "ConsolePage", "DrillBrowser", "Playwright", "PlaywrightError", "Recorder", "Row", "SurfacePage"]
