"""Whether a restored switch took effect: its surface is opened again and its lane observed."""

from __future__ import annotations

import time

from drills.errors import TargetUnreachable
from drills.plugin.drill import Drill
from drills.runbook.model import Switch
from drills.target.browser import PlaywrightError, SurfacePage

#: A Khala socket that is opened beside the legacy requests is there by then.
SETTLE_SECONDS = 1.0


class Effects:
    """The effects of switches that are being put back. Their surfaces are opened together, so that none waits."""

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self._opened: dict[str, TargetUnreachable | None] = {}

    def observe(self, switch_id: str) -> str | None:
        """Return how the lane of the switch's surface was seen, None for a switch without a surface.

        Raises:
            TargetUnreachable: the surface does not open, or is not on the lane that its flag says.
        """
        drill, switch = self._drill, self._drill.runbook.switch(switch_id)
        if switch.surface is None:
            return None
        page, on_khala = drill.surface(switch.surface), drill.value(switch_id) == switch.new_lane
        if switch.surface not in self._opened:
            self._open_all(switch.surface)
        trouble = self._opened.pop(switch.surface)
        if trouble:
            raise trouble
        try:
            seen = drill.wait_until(lambda: _on_lane(drill, page, on_khala=on_khala))
        except PlaywrightError as error:
            raise TargetUnreachable(f"{switch.surface} could not be looked at: {error.message}") from None
        if not seen:
            raise TargetUnreachable(_contradiction(drill, switch, on_khala=on_khala))
        return f"read back, and {switch.surface} was seen on the {'Khala' if on_khala else 'legacy'} lane"

    def _open_all(self, asked_for: str) -> None:
        """Open every surface whose flag the drill flipped; why one does not open is for who asks for it."""
        flipped = [self._drill.runbook.switch(flip.switch).surface for flip in self._drill.flips]
        for surface in dict.fromkeys(filter(None, (asked_for, *flipped))):
            self._opened[surface] = None
            try:
                self._drill.surface(surface).open()
            except TargetUnreachable as error:
                self._opened[surface] = error


def _on_lane(drill: Drill, page: SurfacePage, *, on_khala: bool) -> bool:
    traffic = page.traffic
    if on_khala:
        return traffic.joined() is not None
    khala = drill.environment.profile.khala.socket_url
    opened = any(socket.startswith(khala) for socket in traffic.sockets)
    settled = time.time() - traffic.opened_at > SETTLE_SECONDS
    return settled and bool(traffic.requests_to(page.profile.legacy.request)) and not opened


def _contradiction(drill: Drill, switch: Switch, *, on_khala: bool) -> str:
    lane = "Khala" if on_khala else "legacy"
    return f"{switch.surface} was not seen on the {lane} lane within {drill.environment.profile.patience_seconds:g} s"
