from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.staging.settings import StagingConfig
from drills.staging.surfaces.plan import PagePlan, flag_value, make_plan, socket_url
from drills.staging.surfaces.table import SURFACES

CONFIG = StagingConfig.model_validate(
    {
        "database_url": "sqlite://",
        "runtime_url": "http://127.0.0.1:1",
        "convex_url": "http://127.0.0.1:2",
        "supervisor_url": "http://127.0.0.1:3",
        "surface_urls": {"web": "http://127.0.0.1:4", "mobile": "http://127.0.0.1:5", "desktop": "http://127.0.0.1:6"},
        "operator_token": "canary-operator",
        "session_secret": "canary-session",
        "jwt_keys": [{"kid": "k", "secret": "canary-key", "current": True}],
        "state_dir": Path("/nowhere"),
    }
)


def plan(surface: str, value: str, *faults: str) -> PagePlan:
    """Return how a surface behaves."""
    return make_plan(SURFACES[surface], value, faults, CONFIG, "build-1")


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("told", "meant"), [("true", "true"), ("false", "false"), ("TRUE", "false"), ("1", "false"), ("", "false")]
)
def test_only_true_turns_a_flag_on(surface: str, told: str, meant: str) -> None:
    """Any other word leaves the flag off, as in the real builds."""
    assert flag_value(SURFACES[surface], {SURFACES[surface].flag: told}) == meant


def test_a_flag_that_is_not_there_is_off() -> None:
    """The default is the legacy lane, and no surface reads another one's flag."""
    others = {surface.flag: "true" for surface in SURFACES.values() if surface.name != "web"}
    assert flag_value(SURFACES["web"], others) == "false"


@pytest.mark.parametrize("surface", SURFACES)
def test_the_flag_decides_the_lane(surface: str) -> None:
    """On means Khala with its provider and probe, off means legacy with Convex's."""
    on, off = plan(surface, "true"), plan(surface, "false")
    assert (on.lane, on.provider, on.probe_url) == ("khala", "khala", "http://127.0.0.1:1/healthz")
    assert (off.lane, off.provider, off.probe_url) == ("legacy", "convex", "http://127.0.0.1:2/version")
    assert (on.updates, off.updates, on.boot_convex, off.boot_convex) == (True, True, False, False)


@pytest.mark.parametrize(
    ("fault", "surface", "value", "changed"),
    [
        (
            "flag-ignored-web",
            "web",
            "true",
            {"lane": "legacy", "provider": "convex", "probe_url": "http://127.0.0.1:2/version"},
        ),
        ("flag-ignored-web", "web", "false", {}),
        ("flag-ignored-web", "mobile", "true", {}),
        ("fallback-broken-desktop", "desktop", "false", {"updates": False}),
        ("fallback-broken-desktop", "desktop", "true", {}),
        ("fallback-broken-desktop", "web", "false", {}),
        ("convex-boots-anyway", "mobile", "true", {"boot_convex": True}),
        ("convex-boots-anyway", "web", "true", {}),
    ],
)
def test_a_fault_changes_its_own_surface_only(fault: str, surface: str, value: str, changed: dict[str, Any]) -> None:
    """Each fault changes what its description says, on its surface, and nothing else."""
    sound, faulty = plan(surface, value).model_dump(), plan(surface, value, fault).model_dump()
    assert {key: faulty[key] for key in faulty if faulty[key] != sound[key]} == changed


def test_the_plan_holds_no_secret() -> None:
    """What a page is told can be read by anybody."""
    assert "canary" not in plan("web", "true").model_dump_json()


def test_the_socket_is_where_the_runtime_is() -> None:
    """Plain and encrypted HTTP have their own kinds of socket."""
    assert socket_url("http://a:1") == "ws://a:1/sync/socket/websocket"
    assert socket_url("https://a") == "wss://a/sync/socket/websocket"
