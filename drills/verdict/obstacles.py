"""What stands in the way of judging a gate, in words and with the figures; and what a reader should know besides."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from drills.evidence.records import Samples
from drills.runbook.model import Quantile, Selector
from drills.verdict.measures import Measured, has_buckets
from drills.verdict.recording import Recording
from drills.verdict.view import View, selectors


def unusable(samples: Samples | Recording) -> tuple[str, ...]:
    """Say why nothing at all can be measured with ``samples``."""
    if not samples.series:
        return (f"no samples were taken{_first_problem(samples)}",)
    if not (math.isfinite(samples.interval_seconds) and samples.interval_seconds > 0):
        return (f"the sampling interval is {samples.interval_seconds} s: gaps cannot be told from rests",)
    return ()


def partial(samples: Samples | Recording) -> tuple[str, ...]:
    """Say that the source may not have given all samples: what they show can fail a gate, but not pass it."""
    return (f"the source answered in part{_first_problem(samples)}",) if samples.partial else ()


def absent(seen: View) -> tuple[str, ...]:
    """Name the series that must exist and do not, and the buckets without which there is no quantile."""
    roles = selectors(seen.gate)
    found = [f"no series {written(roles[role])} ({role})" for role in sorted(seen.unproved)]
    if isinstance(seen.gate.measure, Quantile) and "of" not in seen.absent and not has_buckets(seen.bounds):
        found.append("the histograms do not share a bucket +Inf and a finite one")
    return tuple(found)


def unobserved(seen: View, start: float, end: float) -> tuple[str, ...]:
    """Say how the observation period was missed: no reading in it, or the newest one too old at its end."""
    moments = seen.moments[seen.moments <= end]
    if not len(moments):
        return ("no readable sample before the end of the observation period",)
    age = end - moments[-1]
    allowed = seen.gate.maximum_age_seconds
    found = [] if moments[-1] >= start else ["no readable sample in the observation period"]
    if age > allowed:
        found.append(f"stale: the newest sample is {figure(age)} s old at the end of the period, allowed {allowed} s")
    return tuple(found)


def thin(seen: View, measured: Measured, start: float) -> tuple[str, ...]:
    """Say where windows were watched too little: at the last point, or at any once a whole window lay behind it."""
    last = float(measured.points[-1])
    if not measured.enough_coverage[-1]:
        return (_coverage(seen, last),)
    first = max(float(seen.moments[0]) + seen.window, start)
    hole = seen.coverage.hole(first, last, seen.window, seen.gate.minimum_coverage)
    return () if hole is None else (_coverage(seen, hole),)


def scarce(seen: View, events: float) -> tuple[str, ...]:
    """Say that the last window holds too few events to rest a verdict on."""
    required = seen.gate.minimum_samples
    if events >= required:
        return ()
    if events == 0:
        return (f"nothing was sampled in the last window, required {required}",)
    return (f"{figure(events)} samples in the last window, required {required}",)


def remarks(seen: View, samples: Samples | Recording) -> tuple[str, ...]:
    """Say what was left out, taken as zero, or reported by the source."""
    found = []
    roles = selectors(seen.gate)
    for role in sorted(seen.absent - seen.unproved) if "evidence" not in seen.absent else ():
        proof = written(roles["evidence"])
        found.append(f"{written(roles[role])} does not exist and counts as 0, because {proof} was watched")
    if seen.unread:
        found.append(f"{seen.unread} readings could not be believed and were left out")
    if len(seen.coverage.excused.starts):
        found.append("disturbances by the drill are left out")
    if samples.problems and not samples.partial:
        found.append(f"the source reported {len(samples.problems)} problems, the first: {samples.problems[0]}")
    return tuple(found)


def _first_problem(samples: Samples | Recording) -> str:
    return f": {samples.problems[0]}" if samples.problems else ""


def _coverage(seen: View, point: float) -> str:
    low, high = np.array([point - seen.window]), np.array([point])
    needed = float(seen.coverage.needed(low, high)[0])
    covered = float(seen.coverage.covered(low, high)[0])
    if needed <= 0:
        return f"the whole window that ends at {clock(point)} was disturbed by the drill"
    part, minimum = covered / needed, seen.gate.minimum_coverage
    return (
        f"the window that ends at {clock(point)} is covered for {figure(covered)} of {figure(needed)} s "
        f"({part:.0%}), required {minimum:.0%}"
    )


def written(selector: Selector) -> str:
    """Write a selector as Prometheus would."""
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(selector.labels.items()))
    return f"{selector.series_name}{{{labels}}}" if labels else selector.series_name


def figure(value: float) -> str:
    """Write a number for a reader."""
    return "+Inf" if value == math.inf else f"{value:.6g}"


def clock(moment: float) -> str:
    """Write a moment for a reader."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
