"""Traces and HAR archives of a drill's browser contexts. They are raw: only the quarantine may hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from playwright.sync_api import BrowserContext
from playwright.sync_api import Error as PlaywrightError

from drills.evidence.naming import slug
from drills.target.browser.decoy import plant


class HarOptions(TypedDict):
    """What makes a new context write a HAR archive when it is closed."""

    record_har_path: Path
    record_har_content: str


@dataclass
class Recorder:
    """Records contexts into ``folder``; ``canary`` is planted in each of its own contexts before its trace ends.

    ``planted`` says that this was done, ``lost`` names what could not be saved, and why.
    """

    folder: Path
    canary: str
    lost: list[str] = field(default_factory=list)
    planted: bool = False
    _followed: dict[str, BrowserContext] = field(default_factory=dict)
    _plantable: set[str] = field(default_factory=set)
    _names: dict[str, int] = field(default_factory=dict)

    def options(self, name: str) -> HarOptions:
        """Return what a context called ``name`` is to be made with."""
        return {"record_har_path": self._path(name, ".har"), "record_har_content": "embed"}

    def follow(self, context: BrowserContext, name: str, *, planting: bool = True) -> None:
        """Trace ``context`` from now on: no sources, no screencast, because neither can be searched for secrets.

        An earlier context of that name is saved first.
        """
        self.save(name)
        try:
            context.tracing.start(snapshots=True, screenshots=False, sources=False)
        except PlaywrightError as error:
            self.lost.append(f"{name}: {error.message}")
            return
        self._followed[name] = context
        if planting:
            self._plantable.add(name)

    def save(self, name: str) -> None:
        """Write the trace of a context that is followed; one that is gone is lost."""
        context = self._followed.pop(name, None)
        if context is None:
            return
        try:
            if name in self._plantable:
                plant(context, self.canary)
                self.planted = True
            context.tracing.stop(path=self._path(name, ".zip"))
        except PlaywrightError as error:
            self.lost.append(f"{name}: {error.message}")

    def save_all(self) -> None:
        """Write every trace that is not written yet."""
        for name in list(self._followed):
            self.save(name)

    def _path(self, name: str, suffix: str) -> Path:
        """Return a path that no earlier recording has: a name may be followed more than once."""
        count = self._names[name + suffix] = self._names.get(name + suffix, 0) + 1
        return self.folder / f"{slug(name)}{f'-{count}' if count > 1 else ''}{suffix}"
