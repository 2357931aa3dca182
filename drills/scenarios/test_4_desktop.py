"""§5.4: enable the Khala flag on desktop and confirm that its sync connectivity lane uses the Khala path."""

from __future__ import annotations

import pytest

from drills.evidence.records import Relation
from drills.plugin.drill import Drill
from drills.scenarios.enable import enable_surface
from drills.scenarios.exhibits import dashboard_picture


@pytest.mark.checklist("desktop")
def test_desktop_connects_over_khala(drill: Drill) -> None:
    """With its flag on, the application names Khala, probes Khala and not Convex, and updates over it."""
    enable_surface(drill, "desktop")
    page = drill.surface("desktop")
    khala = drill.environment.profile.khala.socket_url.partition("://")[2].partition("/")[0]
    shown = page.profile.shown
    provider = page.attribute(shown.provider, shown.provider_attribute)
    drill.check(
        "provider", "syncProvider that the status surface names", provider, Relation.EQUAL, shown.provider_on_khala
    )
    probe = page.attribute(shown.probe, shown.probe_attribute)
    host = probe.partition("://")[2].partition("/")[0] if probe else None
    drill.check("probe-target", "Host that the connectivity probe targets", host, Relation.EQUAL, khala)
    drill.wait_until(lambda: page.attribute(shown.probe, shown.probe_ok_attribute) == "true")
    answered = page.attribute(shown.probe, shown.probe_ok_attribute)
    drill.check("probe-ok", "The probe is answered", answered, Relation.EQUAL, "true")
    dashboard_picture(drill, "middle")
