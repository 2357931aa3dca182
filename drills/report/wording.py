"""How the report says figures, times and verdicts. Plain text: nothing here is Markdown."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from drills.evidence.records import Scalar, Verdict

NOT_OBSERVED = "not observed"
#: A shape and a word that no table takes apart, so that no verdict is told by its colour alone.
_MARKS = {
    Verdict.PASS: "✅\N{NO-BREAK SPACE}PASS",
    Verdict.FAIL: "❌\N{NO-BREAK SPACE}FAIL",
    Verdict.INCONCLUSIVE: "⚠️\N{NO-BREAK SPACE}INCONCLUSIVE",
    Verdict.NOT_RUN: "➖\N{NO-BREAK SPACE}NOT\N{NO-BREAK SPACE}RUN",  # noqa: RUF001 - a shape beside the word, not a minus
}
_SIGNS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥", "trend_to_zero": "trends to zero, ends ≤"}
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
#: From here on three significant digits would need an exponent.
_LARGE, _SMALL = 999.5, 1e-4


def mark(verdict: Verdict) -> str:
    """Return the verdict as a shape and a word."""
    return _MARKS[verdict]


def sign(relation: str) -> str:
    """Return a relation as a reader writes it; a relation that is not known stands for itself."""
    return _SIGNS.get(relation, relation.replace("_", " "))


def figure(value: float) -> str:
    """Return a number with three significant digits; large ones whole, with thousands apart."""
    if math.isnan(value):
        return NOT_OBSERVED
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if isinstance(value, int) or abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.2e}" if 0 < abs(value) < _SMALL else f"{value + 0.0:.3g}"


def quantity(value: float | None, unit: str = "") -> str:
    """Return a measured value with its unit: times and sizes in the unit that suits them, ratios in percent too."""
    if value is None or math.isnan(value):
        return NOT_OBSERVED
    if math.isinf(value):
        return figure(value)
    if unit in _SCALED:
        return _SCALED[unit](value)
    return f"{figure(value)} {_singular(value, unit)}".strip()


def duration(seconds: float) -> str:
    """Return a time span in the unit that suits it."""
    size = abs(seconds)
    if 0 < size < 1:
        return f"{figure(seconds * 1000)} ms"
    if size < _MINUTE:
        return f"{figure(seconds)} s"
    whole = round(size)
    if size < _HOUR:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = round(size / 60)
    return _two(minutes // 60, "h", minutes % 60, "min")


def byte_size(count: float) -> str:
    """Return a file size: bytes, KB (1 000) or MB."""
    for limit, name in ((1e6, "MB"), (1e3, "KB")):
        if count >= limit:
            return f"{figure(count / limit)} {name}"
    return f"{count:.0f} B"


def scalar(value: Scalar, unit: str = "") -> str:
    """Return an observed or expected value of any kind."""
    if value is None:
        return NOT_OBSERVED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clip(f"{value} {unit}".strip(), 160) or "(empty)"
    return quantity(value, unit)


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun in the right form."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def clip(value: str, limit: int) -> str:
    """Return ``value``, cut to ``limit`` characters with an ellipsis."""
    return value if len(value) <= limit else value[: limit - 1].rstrip() + "…"


def day(moment: datetime) -> str:
    """Return the date in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def minute(moment: datetime) -> str:
    """Return date and time in UTC, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def second(moment: datetime) -> str:
    """Return the time of day in UTC, to a tenth of a second."""
    utc = moment.astimezone(UTC)
    return f"{utc:%H:%M:%S}.{utc.microsecond // 100_000}"


def _ratio(value: float) -> str:
    return f"{figure(value)} ({figure(value * 100)} %)" if value else "0"


def _milliseconds(value: float) -> str:
    return f"{figure(value)} ms" if abs(value) < _LARGE else duration(value / 1000)


def _singular(value: float, unit: str) -> str:
    if value != 1 or not unit.endswith("s") or len(unit) <= len("ms"):
        return unit
    return f"{unit[:-3]}y" if unit.endswith("ies") else unit[:-1]


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


_SCALED = {
    "s": duration,
    "seconds": duration,
    "ms": _milliseconds,
    "ratio": _ratio,
    "bytes": byte_size,
    "B": byte_size,
}
