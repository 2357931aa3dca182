"""§5.3: enable the Khala flag on mobile; worker summaries update without the Convex provider booting."""

from __future__ import annotations

import pytest

from drills.plugin.drill import Drill
from drills.scenarios.enable import enable_surface


@pytest.mark.checklist("mobile")
def test_mobile_updates_over_khala_without_convex(drill: Drill) -> None:
    """With its flag on, each event arrives in a frame, and the Convex host is not contacted from app start on."""
    enable_surface(drill, "mobile")
