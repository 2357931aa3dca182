"""A gate's definition written as PromQL: the same measure, over the same selectors and window.

What PromQL does differently with the same samples is told in ``docs/gates.md``.
"""

from __future__ import annotations

from drills.runbook.model import (
    Comparison,
    Gate,
    Gauge,
    Increase,
    Measure,
    Quantile,
    Rate,
    Ratio,
    Selector,
    TrendToZero,
)


def value(gate: Gate) -> str:
    """Return the expression whose value is compared: of a trend, what the newest of its buckets holds."""
    rising = isinstance(gate.objective, Comparison) and gate.objective.relation in {">", ">="}
    worst = "min" if rising else "max"
    return expression(gate.measure, judged_seconds(gate), evidence=gate.evidence, worst=worst)


def judged_seconds(gate: Gate) -> int:
    """Return the window of :func:`value`: the gate's, or one bucket of its trend."""
    trend = gate.objective if isinstance(gate.objective, TrendToZero) else None
    return max(1, gate.window_seconds // trend.buckets) if trend else gate.window_seconds


def expression(
    measure: Measure, seconds: int, *, by: str | None = None, evidence: Selector | None = None, worst: str = "max"
) -> str:
    """Return ``measure`` over the last ``seconds``, for each value of the label ``by`` if there is one.

    A counter that does not exist counts as 0 while ``evidence`` exists: what would have incremented it was running.
    ``worst`` chooses between the newest readings of several instances of a gauge.
    """
    total = f"sum by ({by}) " if by else "sum"
    match measure:
        case Ratio(numerator=numerator, denominator=denominator):
            part = _or_zero(f"{total}(increase({_range(numerator, seconds)}))", evidence, seconds)
            part = f"({part})" if evidence else part
            return f"{part} / {total}(increase({_range(denominator, seconds)}))"
        case Rate(of=of):
            return _or_zero(f"{total}(rate({_range(of, seconds)}))", evidence, seconds)
        case Increase(of=of):
            return _or_zero(f"{total}(increase({_range(of, seconds)}))", evidence, seconds)
        case Quantile(of=of, q=q):
            labels = f"le, {by}" if by else "le"
            return f"histogram_quantile({q:g}, sum by ({labels}) (increase({_range(of, seconds)})))"
        case Gauge(of=of, take="mean"):
            readings = _range(of, seconds)
            return f"sum(sum_over_time({readings})) / sum(count_over_time({readings}))"
        case Gauge(of=of, take=take):
            return f"{worst if take == 'last' else 'max'}({take}_over_time({_range(of, seconds)}))"


def events(gate: Gate) -> str:
    """Return how much stands behind the value: what was divided by, observed, or would have been counted."""
    measure, seconds = gate.measure, gate.window_seconds
    if isinstance(measure, Quantile):
        largest = measure.of.model_copy(update={"labels": {**measure.of.labels, "le": "+Inf"}})
        return f"sum(increase({_range(largest, seconds)}))"
    if isinstance(measure, Gauge) or (gate.evidence is None and not isinstance(measure, Ratio)):
        return f"sum(count_over_time({_range(witness(gate), seconds)}))"
    return f"sum(increase({_range(witness(gate), seconds)}))"


def witness(gate: Gate) -> Selector:
    """Return the series that must exist for the gate to say anything."""
    if isinstance(gate.measure, Ratio):
        return gate.measure.denominator
    return gate.evidence or gate.measure.of


def series(selector: Selector) -> str:
    """Return the selector in PromQL; a plain counter may carry the suffix ``_total``."""
    labels = {name: f'{name}="{_escaped(text)}"' for name, text in sorted(selector.labels.items())}
    name = selector.series_name
    if selector.part:
        return f"{name}{{{','.join(labels.values())}}}" if labels else name
    return "{" + ",".join([f'__name__=~"{name}|{name}_total"', *labels.values()]) + "}"


def span(seconds: int) -> str:
    """Return a duration as Prometheus writes it, such as ``1h``."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _range(selector: Selector, seconds: int) -> str:
    return f"{series(selector)}[{span(seconds)}]"


def _or_zero(expression: str, evidence: Selector | None, seconds: int) -> str:
    return f"{expression} or 0 * sum(increase({_range(evidence, seconds)}))" if evidence else expression


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
