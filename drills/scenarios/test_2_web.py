"""§5.2: enable the Khala flag on web admin and confirm live worker summary updates."""

from __future__ import annotations

import pytest

from drills.plugin.drill import Drill
from drills.scenarios.enable import enable_surface


@pytest.mark.checklist("web")
def test_web_updates_live_over_khala(drill: Drill) -> None:
    """With its flag on, each authority event shows on the page, brought by a frame, while polling has stopped."""
    enable_surface(drill, "web")
