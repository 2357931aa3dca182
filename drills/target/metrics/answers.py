"""What a query of Prometheus's HTTP API answers: samples, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from drills.target.metrics.fetch import MAXIMUM_SIZE, Answer
from drills.target.metrics.newest import SeriesKey, series_key

OK, UNPROCESSABLE, REDIRECTS = 200, 422, range(300, 400)
#: Worth asking again in a moment.
BUSY = frozenset({429, 502, 503, 504})
#: What a server says when a question is about too many samples at once.
TOO_MANY = ("too many samples", "max-samples", "limit", "too large")
REMEDIES = {
    400: "check metrics.url and metrics.matchers in the target profile",
    401: "check metrics.token or metrics.headers in the target profile",
    403: "check metrics.token or metrics.headers, and metrics.tenant, in the target profile",
    404: "metrics.url in the target profile is the address before /api/v1",
    407: "metrics are asked for without a proxy: name an address that can be reached directly",
    422: "check the server's query limits, and metrics.matchers in the target profile",
    429: "wait, or ask for a higher query limit for this tenant",
    503: "the server is busy or parts of it are down; raise metrics.timeout_seconds, or allow metrics.partial_response",
}
DEFAULT_REMEDY = "drill doctor"
MESSAGE_LENGTH = 300

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the server gave no samples. ``busy``: ask again; ``too_much``: ask for less."""

    message: str
    remedy: str
    busy: bool = False
    too_much: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Samples by series, and what the server said beside them: a warning means that samples may be missing."""

    series: tuple[tuple[SeriesKey, tuple[Point, ...]], ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def between(self, low: float, high: float) -> Found:
        """Return the samples from ``low`` to ``high``, both included."""
        inside = ((key, tuple(point for point in points if low <= point[0] <= high)) for key, points in self.series)
        return replace(self, series=tuple((key, points) for key, points in inside if points))


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Series(_Lenient):
    metric: dict[str, str]
    value: Point | None = None
    values: tuple[Point, ...] = ()
    histogram: object = None
    histograms: object = None

    @property
    def points(self) -> tuple[Point, ...]:
        return (self.value,) if self.value else self.values


class _Data(_Lenient):
    result: tuple[_Series, ...]


def _listed(found: object) -> object:
    """Take null for an empty list, as Go writes one."""
    return found or ()


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Success(_Lenient):
    status: Literal["success"]
    data: _Data
    warnings: Words = ()
    infos: Words = ()


class _Failure(_Lenient):
    error: str = ""
    type: str = Field("", alias="errorType")


def read_answer(url: str, answer: Answer) -> Found | Refused:
    """Return the samples in ``answer``, or why there are none."""
    if answer.cut:
        return Refused(f"{url} answers with more than {MAXIMUM_SIZE:,} bytes", REMEDIES[UNPROCESSABLE], too_much=True)
    if answer.status in REDIRECTS:
        return Refused(f"{url} sends elsewhere, to {_plain(answer.location)}", "put the final address in metrics.url")
    if answer.status != OK:
        return _refused(url, answer)
    try:
        return _found(_Success.model_validate_json(answer.body))
    except ValidationError:
        return Refused(f"{url} does not answer as Prometheus does (a page to sign in, perhaps)", REMEDIES[404])


def _found(success: _Success) -> Found:
    native = sum(1 for one in success.data.result if one.histogram or one.histograms)
    note = (f"{native} native histograms are not read: expose them with classic buckets",) if native else ()
    named = ((_key(one.metric), one.points) for one in success.data.result)
    series = tuple((key, points) for key, points in named if points)
    return Found(series, tuple(map(_plain, success.warnings)) + note, tuple(map(_plain, success.infos)))


def _key(metric: dict[str, str]) -> SeriesKey:
    return series_key(metric.get("__name__", ""), {name: metric[name] for name in metric if name != "__name__"})


def _refused(url: str, answer: Answer) -> Refused:
    try:
        said = _Failure.model_validate_json(answer.body).error
    except ValidationError:
        said = answer.body[:MESSAGE_LENGTH].decode("utf-8", errors="replace")
    words = f"{url} answers {answer.status}: {_plain(said)}".rstrip(": ")
    too_much = answer.status == UNPROCESSABLE and any(sign in said for sign in TOO_MANY)
    remedy = REMEDIES.get(answer.status, DEFAULT_REMEDY)
    return Refused(words, remedy, busy=answer.status in BUSY, too_much=too_much)


def _plain(text: str) -> str:
    """Return what a stranger wrote, on one line and not too long."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MESSAGE_LENGTH]
