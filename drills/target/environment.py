"""A target that is up: everything a drill talks to, made from a profile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from drills.canonical import digest
from drills.clock import Clock
from drills.errors import TargetUnreachable
from drills.evidence.records import TargetFacts
from drills.target.authority import told_workers
from drills.target.browser import ConsolePage, DrillBrowser
from drills.target.events import CausedEvents, Events, OperatorEvents, OrganicEvents
from drills.target.fields import SecretReference, read_secret
from drills.target.khala import TOKEN_RENEWAL_SECONDS, Cohort, Figures, Probe, mint_token
from drills.target.listener import Listener
from drills.target.metrics.sources import metric_source
from drills.target.operator import WORKERS, EntityState, OperatorClient, ParityState
from drills.target.parity.audit import ParityAudit, open_database
from drills.target.ports import Stimulus, Switch
from drills.target.profile.model import Profile
from drills.target.profile.references import caveats, secrets_of
from drills.target.profile.sources import CommandStimulus, HttpStimulus, OrganicStimulus
from drills.target.profile.switches import recipe_of
from drills.target.recipes import HttpSwitchRecipe
from drills.target.remote_lease import RemoteLease
from drills.target.switches.build import build
from drills.target.switches.console import ConsoleSwitch


class Environment:
    """The live parts of a target. ``register`` is told every secret as soon as it is known.

    Raises:
        ProfileInvalid: a secret that the profile names is not there.
    """

    def __init__(self, profile: Profile, clock: Clock, register: Callable[[str, str], object]) -> None:
        self.profile = profile
        self._register = register
        self._token = ""
        self._token_at = 0.0
        for place, secret in secrets_of(profile):
            register(secret, place)
        api, khala = profile.operator_api, profile.khala
        self.operator = OperatorClient(api.url, read_secret(api.token)) if api else None
        self.metrics = metric_source(profile.metrics, clock=clock, read=self._metrics_secret)
        self.figures = Figures()
        self.cohort = Cohort(
            khala.socket_url,
            khala.topic,
            self.sync_token,
            self.figures,
            clients=profile.cohort.clients,
            stay_seconds=profile.cohort.reconnect_seconds,
            old_cursors=profile.cohort.old_cursors,
        )
        self.listener = Listener(khala.socket_url, khala.topic, khala.document_prefix, self.sync_token)
        self.events = self._events()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        listening = self.listener if self.listens else None
        for part in (self.operator, self.metrics, self.cohort, listening):
            if part is not None:
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
            if khala.token_url is None or khala.session is None:
                raise TargetUnreachable("no sync token can be had", remedy="give khala.token_url and khala.session")
            session: dict[str, str] = {khala.session_header: khala.session_prefix + read_secret(khala.session)}
            self._token = mint_token(
                khala.token_url, session, khala.topic, lambda token: self._register(token, "sync-token")
            )
            self._token_at = time.monotonic()
        return self._token

    def switches(self) -> dict[str, Switch]:
        """Return the switches of the profile, and those that the operator API lists besides."""
        named = {name: build(recipe_of(name, settings)) for name, settings in self.profile.switches.items()}
        return {**self.listed_switches(), **named}

    def listed_switches(self) -> dict[str, Switch]:
        """Return the switches that the operator API lists and the profile says nothing of."""
        listed = self.operator.switches() if self.operator else ()
        return {one.id: build(self._recipe(one.id)) for one in listed if one.id not in self.profile.switches}

    def authority(self) -> dict[str, EntityState] | None:
        """Return what the authority knows of every worker, None where nobody can be asked.

        Raises:
            TargetUnreachable: the authority does not answer.
        """
        if self.profile.authority is not None:
            return told_workers(self.profile.authority)
        return self.operator.authority()[WORKERS] if self.operator else None

    def parity(self) -> ParityState | None:
        """Return what both lanes hold of every document, None where nobody can be asked."""
        return self.operator.parity() if self.operator else None

    def khala_probe(self) -> Probe | None:
        """Return a probe of the new lane, not yet begun; None where the drill has no session to ask a token with.

        Updates are timed only where the drill causes them, and knows which ones they are.
        """
        khala, caused = self.profile.khala, self.events.patience_seconds == 0
        if khala.session is None:
            return None
        return Probe(
            khala.socket_url,
            khala.topic,
            self.sync_token,
            self.figures,
            cause=self._caused if caused else None,
            update_seconds=self.profile.objectives.update_latency_seconds,
        )

    def parity_audit(self) -> ParityAudit | None:
        """Return the drill's own audit of both lanes; None where the profile names no database for it.

        Raises:
            ProfileInvalid: no reader knows the database's address.
        """
        settings = self.profile.parity
        if settings is None:
            return None
        return ParityAudit(open_database(read_secret(settings.database), settings.statement_timeout_seconds), settings)

    def remote_lease(self, drill_id: str, owner: str, target: str) -> RemoteLease | None:
        """Return the target's own lease, not yet taken; None where the target has none.

        ``target`` is what a person typed to name the target.
        """
        api = self.profile.operator_api
        if api is None or self.operator is None or api.lease_seconds is None:
            return None
        return RemoteLease(self.operator, owner=owner, drill_id=drill_id, seconds=api.lease_seconds, target=target)

    def console(self, browser: DrillBrowser) -> ConsolePage | None:
        """Return the operator console, signed in; None where the target has none.

        Raises:
            TargetUnreachable: it does not open.
        """
        profile = self.profile
        if profile.console is None or profile.operator_api is None:
            return None
        console = browser.console(profile.console, read_secret(profile.operator_api.token))
        console.open()
        return console

    def _caused(self) -> Stimulus | None:
        return self.events.ask()()

    @property
    def listens(self) -> bool:
        """Whether the drill has a listener of its own on the new lane."""
        return self.profile.khala.session is not None and not isinstance(self.events, OperatorEvents)

    def _events(self) -> Events:
        stimulus = self.profile.stimulus
        if isinstance(stimulus, HttpStimulus | CommandStimulus):
            return CausedEvents(stimulus, self.profile.khala.document_prefix, self.listener)
        if stimulus is None and self.operator is not None:
            return OperatorEvents(self.operator)
        return OrganicEvents(self.listener, (stimulus or OrganicStimulus(kind="none")).wait_seconds)

    def _metrics_secret(self, reference: SecretReference) -> str:
        secret = read_secret(reference)
        self._register(secret, "metrics-credential")
        return secret

    def _recipe(self, switch_id: str) -> HttpSwitchRecipe:
        api = self.profile.operator_api
        assert api is not None, "only an operator API lists switches"  # noqa: S101
        url = f"{api.url.rstrip('/')}/switches/{switch_id}"
        return HttpSwitchRecipe(switch=switch_id, url=url, state_pointer="/state", token=api.token)


def on_console(switches: Mapping[str, Switch], console: ConsolePage | None) -> dict[str, Switch]:
    """Return the same switches, flipped by clicking on the console where there is one."""
    if console is None:
        return dict(switches)
    return {switch_id: ConsoleSwitch(switch, console) for switch_id, switch in switches.items()}


def target_facts(profile: Profile) -> TargetFacts:
    """Return what the record says of the target: no secret, no query string."""
    links = {"dashboard": profile.links.dashboard, "logs": profile.links.logs}
    leased = profile.operator_api if not profile.switches else None  # a lease covers the API's own switches alone
    return TargetFacts(
        name=profile.name,
        environment=profile.environment,
        urls={
            **({"console": profile.console.url} if profile.console else {}),
            "khala": profile.khala.socket_url,
            "metrics": profile.metrics.address,
            **{name: url.partition("?")[0] for name, url in links.items() if url},
            **{surface_id: surface.url for surface_id, surface in profile.surfaces.items()},
        },
        settings=profile.objectives.settings(),
        rehearsal_window_seconds=profile.rehearsal.window_seconds if profile.rehearsal else None,
        notes=(*profile.notes, *caveats(profile)),
        profile_digest=digest(profile.model_dump(mode="json")),
        lease_seconds=leased.lease_seconds if leased else None,
    )
