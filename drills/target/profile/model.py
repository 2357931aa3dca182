"""A whole target profile. Precedence: the command line, then ``DRILL_TARGET_…`` of the environment, then the file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from drills.runbook.model import Calendar
from drills.target.fields import HttpUrl, SecretReference
from drills.target.metrics.settings import MetricSettings
from drills.target.parity.settings import ParitySettings
from drills.target.profile.sections import Cohort, Console, Khala, Links, Objectives, OperatorApi, Rehearsal
from drills.target.profile.sources import Authority, StimulusSettings
from drills.target.profile.surfaces import Selector, Surface
from drills.target.profile.switches import SwitchSettings

ENVIRONMENT_PREFIX, ENVIRONMENT_DELIMITER = "DRILL_TARGET_", "__"


class Profile(BaseSettings):
    """What a target profile says: where the environment is, how its surfaces are seen, how its switches are flipped.

    ``patience_seconds`` is how long a drill waits for what it expects to see before that counts as not having happened.
    ``mask`` are selectors of what no picture of any page may show, ``secrets`` what else must never be published.
    ``calendar`` goes before the runbook's.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter=ENVIRONMENT_DELIMITER,
        case_sensitive=False,
    )

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=48)]
    environment: Literal["embedded", "staging", "production"]
    runbook: str = "khala_cutover"
    issue: str | None = None
    operator: str = ""
    repository_url: HttpUrl | None = None
    calendar: Calendar | None = None
    patience_seconds: Annotated[float, Field(ge=1, le=300)] = 12.0
    objectives: Objectives = Objectives()
    rehearsal: Rehearsal | None = None
    operator_api: OperatorApi | None = None
    console: Console | None = None
    khala: Khala
    stimulus: StimulusSettings | None = None
    authority: Authority | None = None
    metrics: MetricSettings
    parity: ParitySettings | None = None
    cohort: Cohort = Cohort()
    links: Links = Links()
    surfaces: Annotated[dict[str, Surface], Field(min_length=1)]
    switches: dict[str, SwitchSettings] = {}
    mask: tuple[Selector, ...] = ()
    secrets: dict[str, SecretReference] = {}
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """By what the environment is known to those who drill it: two drills on one address are on one environment."""
        return self.operator_api.url if self.operator_api else self.khala.socket_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content is handed in as it was read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings
