"""From what a profile says of its metrics to the source that delivers them."""

from __future__ import annotations

from collections.abc import Callable

from drills.clock import Clock
from drills.errors import ProfileInvalid
from drills.target.fields import SecretHeader, SecretReference
from drills.target.metrics.prometheus import PrometheusMetrics
from drills.target.metrics.scrape import ScrapedMetrics
from drills.target.metrics.settings import MetricSettings, PrometheusSettings, ScrapeSettings
from drills.target.ports import MetricSource

ReadSecret = Callable[[SecretReference], str]


def metric_source(settings: MetricSettings, *, clock: Clock, read: ReadSecret) -> MetricSource:
    """Return the live source that ``settings`` describe.

    Raises:
        MetricsUnavailable: the file of certificates cannot be used.
        ProfileInvalid: the samples are in a file, or a credential cannot be read.
    """
    match settings:
        case PrometheusSettings():
            return PrometheusMetrics(settings, request_headers(settings, read), settings.prefix, clock)
        case ScrapeSettings():
            return ScrapedMetrics(settings.url, settings.interval_seconds, settings.prefix, clock)
        case _:
            raise ProfileInvalid(
                f"metrics of the kind {settings.kind!r} are of the past: nothing can be drilled with them",
                remedy="drill gates, or metrics of the kind scrape or prometheus",
            )


def request_headers(settings: PrometheusSettings, read: ReadSecret) -> dict[str, str]:
    """Return the headers that a server is sent, credentials among them.

    Raises:
        ProfileInvalid: a credential cannot be read.
    """
    headers = {
        name: value.prefix + read(value) if isinstance(value, SecretHeader) else value
        for name, value in settings.headers.items()
    }
    headers |= {"Authorization": f"Bearer {read(settings.token)}"} if settings.token else {}
    return headers | ({"X-Scope-OrgID": settings.tenant} if settings.tenant else {})
