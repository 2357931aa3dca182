"""What clients outside of any browser saw of the new lane, beside what the server's own metrics tell of it.

The gates on catch-up and on stale cursors rest on the server's histogram alone. A probe and the cohort measure the same
from outside: where the two do not fit together, the gates cannot be believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from drills.errors import MetricsUnavailable
from drills.evidence.records import Relation, Samples, Scalar, Series
from drills.evidence.tables import csv_table
from drills.plugin.drill import Drill
from drills.target.khala.figures import Figures, Kind, Measurement
from drills.target.khala.probe import HEARTBEATS, JOINS, UPDATES, Probe
from drills.verdict.quantiles import bucket_quantile, percentile

HISTOGRAM = "openagents_runtime_sync_replay_catchup_duration_ms"
BUCKETS, COUNTS = f"{HISTOGRAM}_bucket", f"{HISTOGRAM}_count"
#: A median of fewer than this says nothing.
FEW = 20
#: What a client had a moment after the first sample may have been counted a moment before it.
EDGE_SECONDS = 2.0
PROBE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the server counted from ``since`` (Unix seconds) on, and how long its catch-ups took, in milliseconds."""

    since: float
    caught_up: float
    stale: float
    median: float | None
    p95: float | None


@contextmanager
def probing(drill: Drill) -> Iterator[Probe | None]:
    """Have the probe measure while the block goes on, and wait for its end; None where there can be no probe."""
    probe = drill.environment.khala_probe()
    if probe is None:
        drill.observe("khala", "No session is named with which the drill could join Khala itself", {"probed": False})
        yield None
        return
    with probe:
        yield probe
        drill.browser.wait_until(probe.done, PROBE_SECONDS)


def check_second_witness(drill: Drill, probe: Probe) -> None:
    """Keep and write down what was measured, and hold the lane and the server's metrics against it."""
    so_far = drill.environment.figures.so_far()  # the cohort goes on meanwhile
    seen = so_far.measurements
    told = _told(drill)
    evidence = [_keep(drill, seen), _observe(drill, probe, so_far, told)]
    _check_answers(drill, probe, so_far, evidence)
    since = None if told is None else told.since + EDGE_SECONDS
    later = Figures([one for one in seen if since is not None and one.at > since])
    _check_agreement(drill, later, told, evidence)
    _check_counts(drill, later, told, evidence)


def _check_counts(drill: Drill, later: Figures, told: Told | None, evidence: list[str]) -> None:
    """Hold what the server counted against what the drill's clients had; clients that had nothing witness nothing.

    Where the profile gives no client an old cursor, nothing is asked of stale ones.
    """
    for check, kind, counted, title in (
        ("catch-ups-counted", Kind.CATCH_UP, told.caught_up if told else None, "catch-ups"),
        ("stale-cursors-counted", Kind.STALE_CURSOR, told.stale if told else None, "stale cursors"),
    ):
        had = later.count(kind)
        if not had and kind is Kind.STALE_CURSOR and not drill.environment.profile.cohort.old_cursors:
            continue
        drill.check(
            check,
            f"Khala: {title} that the server counted, against those that the drill's clients had",
            counted if had else None,
            Relation.AT_LEAST,
            had,
            unit=title,
            evidence=evidence,
            note="" if had else f"the drill's clients had no {title}",
        )


def _check_answers(drill: Drill, probe: Probe, figures: Figures, evidence: list[str]) -> None:
    limit = drill.environment.profile.objectives.update_latency_seconds
    drill.check(
        "khala-answers",
        "Khala, from outside: joins and heartbeats of the probe that were answered",
        figures.count(Kind.JOIN, "probe") + figures.count(Kind.HEARTBEAT, "probe"),
        Relation.EQUAL,
        JOINS + HEARTBEATS,
        unit="requests",
        evidence=evidence,
        note="; ".join(probe.failures),
    )
    if probe.times_updates:
        drill.check(
            "khala-updates",
            f"Khala, from outside: authority events that reached the probe within {limit:g} s",
            sum(milliseconds <= limit * 1000 for milliseconds in figures.milliseconds(Kind.UPDATE)),
            Relation.EQUAL,
            UPDATES,
            unit="events",
            evidence=evidence,
        )
    drill.holds(
        "old-cursor",
        "Khala, from outside: a cursor from before everything is told stale, or replayed without a gap",
        observed=probe.old_cursor.honest if probe.old_cursor else None,
        evidence=evidence,
    )


def _check_agreement(drill: Drill, seen: Figures, told: Told | None, evidence: list[str]) -> None:
    """Hold the two medians against each other; None, and so INCONCLUSIVE, where one of them rests on too little.

    Medians, because the slowest requests wait on a busy machine before the server's clock starts.
    """
    taken = seen.milliseconds(Kind.CATCH_UP)
    enough = told is not None and told.median is not None and min(len(taken), told.caught_up) >= FEW
    apart = abs(_quantile(taken, 0.5) - told.median) if enough and told and told.median is not None else None
    drill.check(
        "catch-up-agrees",
        "Khala: how far the median catch-up of the drill's clients and that of the server lie apart",
        None if apart is None else round(apart, 3),
        Relation.AT_MOST,
        drill.environment.profile.cohort.tolerance_ms,
        unit="ms",
        evidence=evidence,
        note="" if enough else f"too few catch-ups: {len(taken)} seen, {FEW} needed",
    )


def _keep(drill: Drill, seen: Sequence[Measurement]) -> str:
    began = drill.began_at.timestamp()
    rows = [(f"{one.at - began:.2f}", one.who, one.kind.value, f"{one.milliseconds:.1f}") for one in seen]
    return drill.keep(
        "khala-measurements.csv",
        csv_table(["second", "who", "kind", "milliseconds"], rows),
        category="khala-measurements",
        title="What the drill's own clients measured of Khala, by the second of the drill",
        media_type="text/csv",
    )


def _observe(drill: Drill, probe: Probe, figures: Figures, told: Told | None) -> str:
    facts: dict[str, Scalar] = {}
    for who in ("probe", "cohort"):
        for kind in Kind:
            if taken := figures.milliseconds(kind, "probe" if who == "probe" else "cohort"):
                facts[f"{who}, {kind}: count"] = len(taken)
                facts[f"{who}, {kind}: median ms"] = round(_quantile(taken, 0.5), 3)
                facts[f"{who}, {kind}: p95 ms"] = round(_quantile(taken, 0.95), 3)
    facts["cohort: clients"] = drill.environment.profile.cohort.clients
    facts["cohort: visits that failed"] = len(figures.failures)
    facts["cohort: a failure"] = next(iter(figures.failures), None)
    facts["probe: failures"] = "; ".join(probe.failures)
    facts["server: catch-ups"] = told.caught_up if told else None
    facts["server: stale cursors"] = told.stale if told else None
    facts["server: catch-up median ms"] = told.median if told else None
    facts["server: catch-up p95 ms"] = told.p95 if told else None
    return drill.observe("khala", "Khala as clients of the drill saw it, and as its server tells", facts)


def _told(drill: Drill) -> Told | None:
    """Return what the server's metrics tell of the drill so far; None when they tell nothing."""
    if not drill.metrics_caught_up():
        return None
    try:
        samples = drill.samples({BUCKETS, COUNTS})
    except MetricsUnavailable:
        return None
    return told_by(samples)


def told_by(samples: Samples) -> Told | None:
    """Return what the samples of the server's histogram tell; None without any."""
    since = min((one.times[0] for one in samples.series), default=None)
    if since is None:
        return None
    buckets: dict[float, float] = {}
    counts = {"ok": 0.0, "stale_cursor": 0.0}
    for one in samples.series:
        status, grown = one.labels.get("status", ""), _grown(one, since)
        if one.metric == COUNTS and status in counts:
            counts[status] += grown
        elif one.metric == BUCKETS and status == "ok":
            bound = float(one.labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + grown
    median, p95 = (_of_buckets(q, buckets) for q in (0.5, 0.95))
    return Told(since, counts["ok"], counts["stale_cursor"], median, p95)


def _grown(series: Series, since: float) -> float:
    """Return by how much a counter grew; one that was not there at first began at zero, as did one that restarted."""
    values = np.asarray(series.values)
    first = values[0] if series.times[0] <= since else 0.0
    steps = np.diff(values)
    return float(values[0] - first + np.where(steps < 0, values[1:], steps).sum())


def _of_buckets(q: float, buckets: dict[float, float]) -> float | None:
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    counts = np.diff([buckets[bound] for bound in bounds], prepend=0.0)
    return round(float(bucket_quantile(q, np.asarray(bounds), counts[np.newaxis])[0]), 3)


def _quantile(values: list[float], q: float) -> float:
    return percentile(np.asarray(values), q)
