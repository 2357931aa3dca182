"""The metric samples of a hold, from where the target's profile says that they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from drills.clock import Clock
from drills.errors import TargetError
from drills.evidence.records import Samples
from drills.evidence.redaction import Redactor
from drills.target.fields import SecretReference
from drills.target.metrics.openmetrics import OpenMetricsFile
from drills.target.metrics.settings import OpenMetricsSettings, ScrapeSettings
from drills.target.metrics.sources import metric_source
from drills.target.profile import Profile, read_secret

NO_PAST = "{} remembers nothing: a hold needs metrics of the kind prometheus or openmetrics"


@dataclass(frozen=True, slots=True)
class Held:
    """What was had: the samples, or None and the ``problem`` that stood in the way."""

    source: str
    samples: Samples | None
    problem: str = ""


def samples_of(
    profile: Profile | None,
    metrics: Collection[str],
    period: tuple[datetime, datetime],
    clock: Clock,
    redactor: Redactor,
) -> Held:
    """Return the samples of ``metrics`` over ``period``. A source that fails is a problem to tell, not an error."""
    if profile is None:
        return Held("", None, NO_PAST.format("the embedded staging"))
    settings = profile.metrics
    if isinstance(settings, ScrapeSettings):
        return Held(settings.address, None, NO_PAST.format("a scraped address"))

    def read(reference: SecretReference) -> str:
        secret = read_secret(reference)
        redactor.register(secret, "metrics-secret")
        return secret

    try:
        if isinstance(settings, OpenMetricsSettings):
            return Held(settings.address, OpenMetricsFile(settings).samples(metrics, *period))
        with metric_source(settings, clock=clock, read=read) as source:
            return Held(settings.address, source.samples(metrics, *period))
    except TargetError as error:
        return Held(settings.address, None, error.message)
