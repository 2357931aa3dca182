"""The plain sections of a profile: figures, the operator's doors, the new lane, links."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drills.runbook.model import Identifier
from drills.target.fields import Frozen, HeaderFields, HttpUrl, Seconds, SecretReference, SocketUrl


class Objectives(Frozen):
    """The figures that gates and checks are held to; what is unset makes the gate that needs it inconclusive.

    ``limits`` are those that a runbook of one's own refers to, under the names that it gives them.
    """

    lane_target_ms: Annotated[float, Field(gt=0)] | None = None
    incident_threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    recovery_time_seconds: Seconds = 300
    update_latency_seconds: Seconds = 5
    limits: dict[Identifier, float] = Field(default={})

    def settings(self) -> dict[str, float]:
        """Return the figures under the names by which a runbook refers to them."""
        named = {name.replace("_", "-"): value for name, value in self if isinstance(value, int | float)}
        return {**self.limits, **named}


class Rehearsal(Frozen):
    """Shorter windows than the runbook's. A drill with this section is a rehearsal, and its report says so."""

    window_seconds: Annotated[int, Field(ge=5)]


class OperatorApi(Frozen):
    """The API of an environment made for drills: it lists switches, writes events, and tells what both lanes hold.

    ``lease_seconds`` is set where the API hands out leases: the target goes back by itself when that long passes
    without a word from the drill.
    """

    url: HttpUrl
    token: SecretReference
    lease_seconds: Annotated[float, Field(ge=5, le=3600)] | None = None


class Console(Frozen):
    """The page of that operator API, on which the drill flips its switches."""

    url: HttpUrl
    sign_in_field: str = "#operator-token"
    sign_in_button: str = "#sign-in"
    any_toggle: str = 'button[role="switch"]'
    toggle: str = 'button[role="switch"][data-switch="{switch}"]'


class Khala(Frozen):
    """The new lane: its socket, the API that mints its tokens, and the topic that is watched.

    Without ``token_url`` and ``session`` the drill has no clients of its own: no cohort, and no listener for updates.
    The session travels in ``session_header``, behind ``session_prefix``.
    """

    socket_url: SocketUrl
    token_url: HttpUrl | None = None
    session: SecretReference | None = None
    session_header: Literal["Authorization", "Cookie"] = "Authorization"
    session_prefix: str = "Bearer "
    topic: str = "runtime.codex_worker_summaries"
    document_prefix: str = "runtime/codex_worker_summary:"

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.token_url is None) != (self.session is None):
            raise ValueError("token_url and session go together: the session is what the token is asked for with")
        return self


class Cohort(Frozen):
    """Synthetic clients that connect, drop and resume, so that catch-up has something to measure.

    ``old_cursors`` is the share of them that come back with the oldest cursor there is: each is one stale cursor that
    the drill itself brought. ``tolerance_ms`` is how far the median catch-up that the drill's clients see, and the one
    that the server tells, may lie apart.
    """

    clients: Annotated[int, Field(ge=0, le=1000)] = 0
    reconnect_seconds: Seconds = 4.0
    old_cursors: Annotated[float, Field(ge=0, le=1)] = 0.0
    tolerance_ms: Annotated[float, Field(gt=0)] = 250


class Links(Frozen):
    """Pages that the report points to and takes pictures of; ``panel`` selects the drawn panels of the dashboard."""

    dashboard: HttpUrl | None = None
    dashboard_headers: HeaderFields = Field(default={})
    panel: str = "[data-panel] svg"
    logs: HttpUrl | None = None
