from __future__ import annotations

from pathlib import Path

import pytest

import drills.scenarios
from drills.errors import RunbookInvalid
from drills.plugin.drill_plan import plan_drill

SHIPPED = Path(drills.scenarios.__path__[0])
RUNBOOKS = Path(drills.scenarios.__path__[0]).parent / "runbook"


def test_the_embedded_staging_follows_the_cutover_unless_another_runbook_is_named() -> None:
    """Each shipped runbook brings its own scenarios."""
    cutover, rollout = plan_drill("embedded"), plan_drill("embedded", "ws_rollout")
    assert (cutover.runbook.id, cutover.scenarios) == ("khala-cutover", SHIPPED)
    assert (rollout.runbook.id, rollout.scenarios) == ("ws-rollout", SHIPPED / "ws_rollout")


def test_a_runbook_of_ones_own_brings_a_folder_of_scenarios(tmp_path: Path) -> None:
    """A path that begins with ./ counts from the runbook's file, not from where one stands."""
    (tmp_path / "steps").mkdir()
    text = (RUNBOOKS / "ws_rollout.toml").read_text(encoding="utf-8")
    own = text.replace('"drills.scenarios.ws_rollout"', '"./steps"')
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    assert plan_drill("embedded", str(tmp_path / "own.toml")).scenarios == (tmp_path / "steps").resolve()


@pytest.mark.parametrize("scenarios", ["./nowhere", "no.such.package", "drills.clock"], ids=str)
def test_scenarios_that_are_not_there_are_told(tmp_path: Path, scenarios: str) -> None:
    """A drill without scenarios would be one that saw nothing."""
    text = (RUNBOOKS / "ws_rollout.toml").read_text(encoding="utf-8")
    own = text.replace('"drills.scenarios.ws_rollout"', f'"{scenarios}"')
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    with pytest.raises(RunbookInvalid, match=f"there are no scenarios at '{scenarios}'"):
        plan_drill("embedded", str(tmp_path / "own.toml"))
