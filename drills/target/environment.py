"""A target that is up: everything a drill talks to, made from a profile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from drills.canonical import digest
from drills.clock import Clock
from drills.evidence.records import TargetFacts
from drills.target.browser import ConsolePage, DrillBrowser
from drills.target.khala import TOKEN_RENEWAL_SECONDS, Cohort, mint_token
from drills.target.metrics.sources import metric_source
from drills.target.operator import OperatorClient
from drills.target.ports import HttpSwitchRecipe, SecretReference, Switch
from drills.target.profile import Profile, read_secret
from drills.target.remote_lease import RemoteLease
from drills.target.switches.console import ConsoleSwitch
from drills.target.switches.http import HttpSwitch

METRIC_PREFIX = "openagents_runtime_"


class Environment:
    """The live parts of a target. ``register`` is told every secret as soon as it is known."""

    def __init__(self, profile: Profile, clock: Clock, register: Callable[[str, str], object]) -> None:
        self.profile = profile
        self._register = register
        self._token = ""
        self._token_at = 0.0
        operator_token = read_secret(profile.operator_api.token)
        register(operator_token, "operator-token")
        self._operator_token = operator_token
        self._session = read_secret(profile.khala.session)
        register(self._session, "session-secret")
        self.operator = OperatorClient(profile.operator_api.url, operator_token)
        self.metrics = metric_source(profile.metrics, prefix=METRIC_PREFIX, clock=clock, read=self._metrics_secret)
        self.cohort = Cohort(
            profile.khala.socket_url,
            profile.khala.topic,
            self.sync_token,
            clients=profile.cohort.clients,
            stay_seconds=profile.cohort.reconnect_seconds,
        )
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for part in (self.operator, self.metrics, self.cohort):
            self._open.enter_context(part)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def sync_token(self) -> str:
        """Return a sync token that is valid for a while yet; it is registered as a secret.

        Raises:
            TargetUnreachable: no token was given.
        """
        if time.monotonic() - self._token_at > TOKEN_RENEWAL_SECONDS or not self._token:
            khala = self.profile.khala
            self._token = mint_token(
                khala.token_url, self._session, khala.topic, lambda token: self._register(token, "sync-token")
            )
            self._token_at = time.monotonic()
        return self._token

    def switches(self) -> dict[str, Switch]:
        """Return the switches that the operator API lists, flipped over that API."""
        return {listed.id: HttpSwitch(self._recipe(listed.id)) for listed in self.operator.switches()}

    def remote_lease(self, drill_id: str, owner: str) -> RemoteLease | None:
        """Return the target's own lease, not yet taken; None where the target has none."""
        seconds = self.profile.operator_api.lease_seconds
        return RemoteLease(self.operator, owner=owner, drill_id=drill_id, seconds=seconds) if seconds else None

    def console(self, browser: DrillBrowser) -> ConsolePage:
        """Return the operator console, signed in.

        Raises:
            TargetUnreachable: it does not open.
        """
        console = browser.console(self._operator_token)
        console.open()
        return console

    def _metrics_secret(self, reference: SecretReference) -> str:
        secret = read_secret(reference)
        self._register(secret, "metrics-credential")
        return secret

    def _recipe(self, switch_id: str) -> HttpSwitchRecipe:
        api = self.profile.operator_api
        url = f"{api.url.rstrip('/')}/switches/{switch_id}"
        return HttpSwitchRecipe(switch=switch_id, url=url, state_pointer="/state", token=api.token)


def on_console(switches: Mapping[str, Switch], console: ConsolePage) -> dict[str, Switch]:
    """Return the same switches, flipped by clicking on the console."""
    return {switch_id: ConsoleSwitch(switch, console) for switch_id, switch in switches.items()}


def target_facts(profile: Profile) -> TargetFacts:
    """Return what the record says of the target: no secret, no query string."""
    return TargetFacts(
        name=profile.name,
        environment=profile.environment,
        urls={
            "console": profile.console.url,
            "dashboard": profile.links.dashboard,
            "khala": profile.khala.socket_url,
            "metrics": profile.metrics.address,
            **({"logs": profile.links.logs.partition("?")[0]} if profile.links.logs else {}),
            **{surface_id: surface.url for surface_id, surface in profile.surfaces.items()},
        },
        settings=profile.objectives.settings(),
        rehearsal_window_seconds=profile.rehearsal.window_seconds if profile.rehearsal else None,
        notes=profile.notes,
        profile_digest=digest(profile.model_dump(mode="json")),
    )
