"""What a target profile says of its metrics: one section for each kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drills.target.fields import Frozen, HeaderFields, HttpUrl, SecretReference

#: How the names of the target's own metrics begin: all that a scenario may ask for without having named it before.
Prefix = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_:]*$")]
OWN = "openagents_runtime_"
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


def _without_query(value: str) -> str:
    if "?" in value:
        raise ValueError("is the address before /api/v1, without a query; credentials go into token or headers")
    return value


class ScrapeSettings(Frozen):
    """A ``/metrics`` URL that is read again and again while the drill goes on. It remembers nothing of before.

    Only metrics whose name begins with ``prefix`` are kept.
    """

    kind: Literal["scrape"]
    url: HttpUrl
    interval_seconds: Annotated[float, Field(ge=0.2, le=60)] = 1.0
    prefix: Prefix = OWN

    @property
    def address(self) -> str:
        """Where the samples come from, without what may be a secret."""
        return self.url.partition("?")[0]


class PrometheusSettings(Frozen):
    """A server with Prometheus's HTTP API (Prometheus, Thanos, Mimir and others).

    ``url`` is the address before ``/api/v1``. ``interval_seconds`` is how often that server scrapes the target, and
    ``delay_seconds`` how long after a scrape its samples can be asked for at the latest. ``matchers`` are labels that
    every series must have. Credentials are a bearer ``token``, or whole ``headers``. ``tenant`` is sent as
    ``X-Scope-OrgID``; ``dedup`` and ``partial_response`` are Thanos's. Scenarios see metrics that begin
    with ``prefix``.
    """

    kind: Literal["prometheus"]
    url: Annotated[HttpUrl, AfterValidator(_without_query)]
    interval_seconds: Annotated[float, Field(ge=0.2, le=3600)]
    delay_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    prefix: Prefix = OWN
    matchers: dict[LabelName, str] = Field(default_factory=dict)
    token: SecretReference | None = None
    headers: HeaderFields = Field(default_factory=dict)
    tenant: str | None = None
    ca_file: Path | None = None
    verify_tls: bool = True
    dedup: bool = True
    partial_response: bool = False
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0

    @property
    def address(self) -> str:
        """Where the samples come from."""
        return self.url


class OpenMetricsSettings(Frozen):
    """A file of samples with their times, for judging after the fact; nothing can be drilled with it.

    ``interval_seconds`` is how often the target was scraped; without it, the usual distance of samples is taken.
    """

    kind: Literal["openmetrics"]
    path: Path
    interval_seconds: Annotated[float, Field(ge=0.2, le=3600)] | None = None

    @property
    def address(self) -> str:
        """Where the samples come from."""
        return self.path.name


MetricSettings = Annotated[ScrapeSettings | PrometheusSettings | OpenMetricsSettings, Field(discriminator="kind")]
