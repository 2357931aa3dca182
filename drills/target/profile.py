"""What a target profile says: where the environment is, how its surfaces are seen, and how its switches are flipped.

Precedence: what the caller passes, then ``DRILL_TARGET_…`` variables of the environment, then the file. Secrets are
only ever named, by an environment variable or a file.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from drills.errors import ProductionRefused, ProfileInvalid
from drills.target.metrics.settings import MetricSettings
from drills.target.ports import HttpUrl, SecretReference

MAXIMUM_SIZE = 1_000_000
Seconds = Annotated[float, Field(gt=0, le=7 * 86400)]
SocketUrl = Annotated[str, Field(pattern=r"^wss?://[^\s/]+(/\S*)?$")]


class Section(BaseModel):
    """A part of a profile: frozen, and every key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Objectives(Section):
    """The figures that gates and checks are held to; what is unset makes the gate that needs it inconclusive."""

    lane_target_ms: Annotated[float, Field(gt=0)] | None = None
    incident_threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    recovery_time_seconds: Seconds = 300
    update_latency_seconds: Seconds = 5

    def settings(self) -> dict[str, float]:
        """Return the figures under the names by which a runbook refers to them."""
        return {name.replace("_", "-"): value for name, value in self if value is not None}


class Rehearsal(Section):
    """Shorter windows than the runbook's. A drill with this section is a rehearsal, and its report says so."""

    window_seconds: Annotated[int, Field(ge=5)]


class OperatorApi(Section):
    """The API over which the drill reads switches back, restores them, and asks for events.

    ``lease_seconds`` is set where the API hands out leases: the target goes back by itself when that long passes
    without a word from the drill.
    """

    url: HttpUrl
    token: SecretReference
    lease_seconds: Annotated[float, Field(ge=5, le=3600)] | None = None


class Console(Section):
    """The operator's page, on which the drill flips switches."""

    url: HttpUrl
    sign_in_field: str = "#operator-token"
    sign_in_button: str = "#sign-in"
    any_toggle: str = 'button[role="switch"]'
    toggle: str = 'button[role="switch"][data-switch="{switch}"]'


class Khala(Section):
    """The new lane: its socket, the API that mints its tokens, and the topic that is watched."""

    socket_url: SocketUrl
    token_url: HttpUrl
    session: SecretReference
    topic: str = "runtime.codex_worker_summaries"
    document_prefix: str = "runtime/codex_worker_summary:"


class Selectors(Section):
    """Where a page shows workers. A row names its worker in the attribute ``data-worker-id``."""

    any_row: str = "[data-worker-id]"
    sequence: str = '[data-field="seq"]'
    status: str = '[data-field="status"]'
    mask: tuple[str, ...] = ("input[type=password]",)


class LegacyTraffic(Section):
    """What the legacy lane of a surface looks like on the wire.

    ``request`` is the URL prefix of its data requests, ``interval_seconds`` their pace, ``allowed`` how many of them
    the new lane makes as well (the first hydration). ``probe`` is the URL prefix of a connectivity probe, if any, and
    ``forbidden`` the origins that the new lane never contacts.
    """

    request: HttpUrl
    interval_seconds: Seconds
    allowed: Annotated[int, Field(ge=0)] = 0
    forbidden: tuple[HttpUrl, ...] = ()


class Surface(Section):
    """One client: a page opened in a browser, or an application joined over its debugging port.

    ``endpoint`` is, for ``cdp``, a URL whose JSON answer holds ``cdp_url``.
    """

    kind: Literal["browser", "cdp"]
    url: HttpUrl
    title: str
    device: str | None = None
    endpoint: HttpUrl | None = None
    selectors: Selectors = Selectors()
    legacy: LegacyTraffic


class Cohort(Section):
    """Synthetic clients that connect, drop and resume, so that catch-up has something to measure."""

    clients: Annotated[int, Field(ge=0, le=1000)] = 0
    reconnect_seconds: Seconds = 4.0


class Links(Section):
    """Pages that the report points to and takes pictures of."""

    dashboard: HttpUrl
    logs: HttpUrl | None = None


class Profile(BaseSettings):
    """A whole target profile."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="DRILL_TARGET_", env_nested_delimiter="__", case_sensitive=False
    )

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=48)]
    environment: Literal["embedded", "staging", "production"]
    runbook: str = "khala_cutover"
    issue: str | None = None
    operator: str = ""
    repository_url: HttpUrl | None = None
    objectives: Objectives = Objectives()
    rehearsal: Rehearsal | None = None
    operator_api: OperatorApi
    console: Console
    khala: Khala
    metrics: MetricSettings
    cohort: Cohort = Cohort()
    links: Links
    surfaces: Annotated[dict[str, Surface], Field(min_length=1)]
    notes: tuple[str, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content is handed in by :func:`parse_profile`."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load_profile(path: Path, *, allow_production: bool = False) -> Profile:
    """Read a profile from a TOML file; files of secrets are looked for beside it.

    Raises:
        ProfileInvalid: the file cannot be read or is wrong; every mistake is listed with its place.
        ProductionRefused: it describes production, and that was not allowed.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAXIMUM_SIZE + 1)
        if len(content) > MAXIMUM_SIZE:
            raise ProfileInvalid(f"{path} is larger than {MAXIMUM_SIZE:,} bytes", remedy="name a target profile")
        document = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ProfileInvalid(f"{path} cannot be read: {error.strerror}", remedy="name a target profile") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileInvalid(f"{path} is not TOML: {error}", remedy="mend the file at the place named") from None
    return parse_profile(document, str(path), allow_production=allow_production)


def parse_profile(document: dict[str, object], name: str, *, allow_production: bool = False) -> Profile:
    """Check ``document`` and return it as a profile; ``name`` is where it came from.

    Raises:
        ProfileInvalid: every mistake is listed with its place.
        ProductionRefused: it describes production, and that was not allowed.
    """
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        mistakes = [f"{_place(item, document)}: {item['msg']}" for item in error.errors()]
        raise ProfileInvalid(
            f"{name} is not a target profile:", mistakes=mistakes, remedy="mend the places named"
        ) from None
    if profile.environment == "production" and not allow_production:
        raise ProductionRefused(
            f"{name} describes a production environment", remedy="add --allow-production if that is meant"
        )
    return profile


def _place(mistake: ErrorDetails, document: object) -> str:
    """Return where in the document a mistake is; the kind of a section, which is no key, is left out."""
    parts, at = [], document
    for part in mistake["loc"][:-1]:
        if isinstance(at, dict) and part in at:
            parts.append(part)
            at = at[part]
    missing = ["kind"] if mistake["type"].startswith("union_tag") else []
    return ".".join(map(str, [*parts, *mistake["loc"][-1:], *missing]))


def read_secret(reference: SecretReference) -> str:
    """Return the secret that ``reference`` points to.

    Raises:
        ProfileInvalid: the variable is unset or the file cannot be read.
    """
    if reference.file is not None:
        try:
            return reference.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ProfileInvalid(f"secret file {reference.file}: {error.strerror}", remedy="check the path") from None
    value = os.environ.get(reference.env or "")
    if not value:
        raise ProfileInvalid(f"the variable {reference.env} is not set", remedy=f"export {reference.env}=…")
    return value
