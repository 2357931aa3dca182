"""The surfaces of a profile: how each client is opened or joined, where it shows workers, how its lanes look."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drills.target.fields import (
    Command,
    Frozen,
    HeaderFields,
    HttpUrl,
    PageUrl,
    Pointer,
    Seconds,
    SecretReference,
)


def _selector(value: str) -> str:
    if not value.strip():
        raise ValueError("a selector says something, such as [data-worker-id]")
    return value


Selector = Annotated[str, AfterValidator(_selector)]


class Selectors(Frozen):
    """Where a page shows workers. A row names its worker in the attribute ``identifier``."""

    any_row: Selector = "[data-worker-id]"
    identifier: Annotated[str, Field(pattern=r"^[a-zA-Z_:][-a-zA-Z0-9_:.]*$")] = "data-worker-id"
    sequence: Selector = '[data-field="seq"]'
    status: Selector = '[data-field="status"]'
    mask: tuple[Selector, ...] = ("input[type=password]",)


class LegacyTraffic(Frozen):
    """What the legacy lane of a surface looks like on the wire.

    ``request`` is the URL prefix of its data requests, ``interval_seconds`` their pace, ``allowed`` how many of them
    the new lane makes as well (the first hydration), and ``forbidden`` the origins that the new lane never contacts.
    """

    request: HttpUrl
    interval_seconds: Seconds
    allowed: Annotated[int, Field(ge=0)] = 0
    forbidden: tuple[HttpUrl, ...] = ()


class Credentials(Frozen):
    """What a surface behind HTTP basic authentication asks for."""

    username: str
    password: SecretReference


class Shown(Frozen):
    """Where a desktop names its sync provider and the target of its connectivity probe, and in which words."""

    provider: Selector = "#provider"
    provider_attribute: str = "data-provider"
    provider_on_khala: str = "khala"
    probe: Selector = "#probe"
    probe_attribute: str = "data-target"
    probe_ok_attribute: str = "data-ok"
    lane: Selector = "#lane"
    lane_attribute: str = "data-lane"


class Surface(Frozen):
    """One client: a page in a browser started here or elsewhere, or an application joined over its debugging port.

    ``browser`` starts ``engine``. ``remote`` uses a browser at ``endpoint``: ``ws://`` is a Playwright server,
    ``http://`` a Selenium Grid or another WebDriver server. ``cdp`` joins what runs with a debugging port at
    ``endpoint``, or, with ``endpoint_pointer``, at the address that the JSON of ``endpoint`` holds there; ``launch``
    starts it when nothing answers there, and what was started ends with the drill.

    ``headers`` and ``credentials`` go to the surface's own origin and nowhere else. ``login`` is a file of steps that
    are done before the surface is opened for the first time, ``storage_state`` a file of Playwright's.
    """

    kind: Literal["browser", "cdp", "remote"]
    url: PageUrl
    title: str
    engine: Literal["chromium", "firefox", "webkit"] = "chromium"
    device: str | None = None
    endpoint: Annotated[str, Field(pattern=r"^(https?|wss?)://[^\s/@]+(/\S*)?$")] | None = None
    endpoint_pointer: Pointer | None = None
    launch: Command | None = None
    headers: HeaderFields = Field(default={})
    credentials: Credentials | None = None
    storage_state: Path | None = None
    login: Path | None = None
    selectors: Selectors = Selectors()
    shown: Shown = Shown()
    legacy: LegacyTraffic

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind != "browser" and self.endpoint is None:
            raise ValueError(f"a {self.kind} surface needs endpoint")
        if self.kind == "browser" and self.endpoint is not None:
            raise ValueError('a browser surface has no endpoint; say kind = "cdp" or "remote"')
        if self.kind != "cdp" and not re.match(r"^https?://", self.url):
            raise ValueError("url must begin with http:// or https://; other schemes are for cdp")
        if wrong := [name for name in _NOT_FOR[self.kind] if getattr(self, name)]:
            raise ValueError(f"a {self.kind} surface takes no {' and no '.join(wrong)}")
        return self

    @property
    def origin(self) -> str:
        """Scheme, host and port of the surface's address."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"


_NOT_FOR = {
    "browser": ("endpoint_pointer", "launch"),
    "remote": ("endpoint_pointer", "launch"),
    # an application that is joined has a session of its own
    "cdp": ("device", "headers", "credentials", "storage_state"),
}
