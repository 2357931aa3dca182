"""The settings and faults of the runtime that can be switched while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drills.staging.bell import Bell
from drills.staging.faults import Fault


class SettingRefusedError(ValueError):
    """The setting is not known, or does not take this value; the message says which values it takes."""


class LiveValues(BaseModel):
    """The values in effect. Switches are the words ``true`` and ``false``, as they are on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    khala_sync_parity_enabled: Literal["true", "false"] = "false"
    sink_path: Literal["dual", "convex-only"] = "dual"
    parity_interval_seconds: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    parity_sample: Annotated[int, Field(ge=1, le=10_000)]
    retention_horizon_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    simulator_rate: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]

    def on_the_wire(self) -> dict[str, str]:
        """Return every value as the operator API writes it."""
        return {key: value if isinstance(value, str) else f"{value:g}" for key, value in self}


class LiveSettings:
    """Holds the values in effect; ``changed`` rings after every change."""

    def __init__(self, values: LiveValues) -> None:
        self.values = values
        self.changed = Bell()

    def put(self, key: str, value: str) -> LiveValues:
        """Put one setting into effect and return the values before.

        Raises:
            SettingRefusedError: nothing was changed.
        """
        before = self.values
        if key not in LiveValues.model_fields:
            raise SettingRefusedError(f"there is no setting {key}; there are {', '.join(LiveValues.model_fields)}")
        try:
            self.values = LiveValues.model_validate({**before.model_dump(), key: value})
        except ValidationError as error:
            raise SettingRefusedError(f"{key} does not take this value: {error.errors()[0]['msg']}") from None
        self.changed.ring()
        return before


class ActiveFaults:
    """The faults that are being carried out now; ``changed`` rings when one is set or cleared."""

    def __init__(self, active: Iterable[Fault], known: Mapping[str, Fault]) -> None:
        self._active = {fault.name for fault in active}
        self.known = known
        self.changed = Bell()

    def __contains__(self, fault: Fault) -> bool:
        return fault.name in self._active

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the active faults, sorted."""
        return tuple(sorted(self._active))

    def set(self, fault: Fault) -> None:
        """Begin to carry ``fault`` out."""
        self._active.add(fault.name)
        self.changed.ring()

    def clear(self, fault: Fault) -> None:
        """Stop carrying ``fault`` out."""
        self._active.discard(fault.name)
        self.changed.ring()
