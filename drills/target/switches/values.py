"""Between the words that a runbook has for a switch's values and those that a target has."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from drills.errors import SwitchFailed
from drills.target.exchange import as_text


def outward(switch: str, value: str, values: Mapping[str, JsonValue]) -> JsonValue:
    """Return what is written for ``value``: what ``values`` gives, or the value itself where it is empty.

    Raises:
        SwitchFailed: ``values`` does not know it.
    """
    if values and value not in values:
        raise SwitchFailed(
            f"switch {switch}: the profile does not say how {value!r} is written; it knows {', '.join(values)}",
            remedy=f"add {value!r} to its values",
        )
    return values.get(value, value)


def inward(found: str, reads: Mapping[str, JsonValue]) -> str:
    """Return the value for which the target says ``found``; a word that nothing stands for is its own value."""
    return next((value for value, said in reads.items() if as_text(said) == found), found)
