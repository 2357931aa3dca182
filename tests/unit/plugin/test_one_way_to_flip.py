from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import drills.scenarios

SCENARIOS = sorted(Path(drills.scenarios.__file__).parent.glob("*.py"))
#: Where a drill keeps what flips switches, and the page on which it clicks; scenarios call ``drill.switch_to``.
WAYS_AROUND = {"acts", "board", "console", "toggle"}


def ways_around(source: str) -> Iterator[str]:
    """Yield each attribute in ``source`` by which a switch could be flipped without its journal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in WAYS_AROUND:
            yield f"line {node.lineno}: {node.attr}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_no_scenario_flips_around_the_switchboard(scenario: Path) -> None:
    """What a scenario changes on a target is journalled first, because it has no other way to change it."""
    assert list(ways_around(scenario.read_text(encoding="utf-8"))) == []


def test_a_scenario_that_asks_a_switch_itself_is_found() -> None:
    """The check above sees a switch that is asked, and a board that is reached for."""
    source = "def test(drill):\n    drill.acts['web'].ask('true')\n    drill.board.flip('web', 'true', purpose='')\n"
    assert sorted(ways_around(source)) == ["line 2: acts", "line 3: board"]
