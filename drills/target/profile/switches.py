"""The switches of a profile: the kinds of :mod:`drills.target.recipes`, and ready-made ones for flag services."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field

from drills.target.fields import Frozen, HttpUrl, Seconds, SecretHeader, SecretReference
from drills.target.recipes import (
    CommandSwitchRecipe,
    FileSwitchRecipe,
    HttpSwitchRecipe,
    PageSwitchRecipe,
    ProcessSwitchRecipe,
    ReadyCondition,
    SwitchRecipe,
)

Part = Annotated[str, Field(min_length=1, pattern=r"^[^\s/?#]+$")]


class FlagService(Frozen):
    """A flag of a flag service, on or off in one environment; ``enabled`` and ``disabled`` are the runbook's words."""

    project: Part = "default"
    feature: Part
    environment: Part
    token: SecretReference
    enabled: str = "true"
    disabled: str = "false"
    settle_seconds: Seconds | None = None
    timeout_seconds: Seconds = 30.0
    poll_seconds: Annotated[float, Field(ge=0, le=60)] = 0.5
    ready: ReadyCondition | None = None

    @property
    def values(self) -> dict[str, bool]:
        """The runbook's word for each state of the flag."""
        return {self.enabled: True, self.disabled: False}

    def _recipe(self, switch: str, **fields: object) -> HttpSwitchRecipe:
        common = self.model_dump(include={"settle_seconds", "timeout_seconds", "poll_seconds"})
        return HttpSwitchRecipe.model_validate({"switch": switch, "ready": self.ready, **common, **fields})


class UnleashSwitch(FlagService):
    """A flag of Unleash, over its admin API."""

    kind: Literal["unleash"]
    url: HttpUrl

    def recipe(self, switch: str) -> HttpSwitchRecipe:
        """Return how this flag is read and set."""
        project, feature, environment = (quote(part, safe="") for part in self._parts)
        flag = f"{self.url.rstrip('/')}/api/admin/projects/{project}/features/{feature}/environments/{environment}"
        return self._recipe(
            switch,
            url=flag,
            pointer="/enabled",
            headers={"Authorization": _as_it_is(self.token)},
            method="POST",
            write_url=f"{flag}/{{value}}",
            body=None,
            values={self.enabled: "on", self.disabled: "off"},
            reads=self.values,
        )

    @property
    def _parts(self) -> tuple[str, str, str]:
        return self.project, self.feature, self.environment


class LaunchDarklySwitch(FlagService):
    """A flag of LaunchDarkly, over its REST API."""

    kind: Literal["launchdarkly"]
    url: HttpUrl = "https://app.launchdarkly.com"

    def recipe(self, switch: str) -> HttpSwitchRecipe:
        """Return how this flag is read and set."""
        flag = f"{self.url.rstrip('/')}/api/v2/flags/{quote(self.project, safe='')}/{quote(self.feature, safe='')}"
        place = f"/environments/{self.environment.replace('~', '~0')}/on"
        return self._recipe(
            switch,
            url=flag,
            pointer=place,
            headers={"Authorization": _as_it_is(self.token)},
            method="PATCH",
            body=[{"op": "replace", "path": place, "value": "{value}"}],
            values=self.values,
        )


SwitchSettings = Annotated[
    HttpSwitchRecipe
    | CommandSwitchRecipe
    | FileSwitchRecipe
    | ProcessSwitchRecipe
    | PageSwitchRecipe
    | UnleashSwitch
    | LaunchDarklySwitch,
    Field(discriminator="kind"),
]


def recipe_of(switch: str, settings: SwitchSettings) -> SwitchRecipe:
    """Return the recipe of what a profile says of ``switch``."""
    if isinstance(settings, UnleashSwitch | LaunchDarklySwitch):
        return settings.recipe(switch)
    return settings.model_copy(update={"switch": switch})


def known_values(settings: SwitchSettings) -> frozenset[str] | None:
    """Return the values that the switch can be set to; None where it takes any."""
    if isinstance(settings, PageSwitchRecipe):
        return None if settings.steps else frozenset(settings.by_value)
    return frozenset(settings.values) or None


def _as_it_is(token: SecretReference) -> SecretHeader:
    return SecretHeader(env=token.env, file=token.file)
