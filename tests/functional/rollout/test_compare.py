from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drills.cli import main
from tests.functional.rollout.conftest import Rollout


def compare(*words: str | Path) -> Result:
    """Run ``drill compare``."""
    return CliRunner().invoke(main, ["compare", *map(str, words)])


@pytest.fixture(scope="module")
def two(well_rolled_out: Rollout, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the reports of two drills, of which the second has another objective."""
    rollout = Rollout(tmp_path_factory.mktemp("compared"))
    shutil.copytree(well_rolled_out.home, rollout.home, dirs_exist_ok=True)
    (first,) = rollout.out.glob("*-full-drill.md")
    second = rollout.drilled(ago=timedelta(minutes=1), settings={"lane-target-ms": 50, "incident-threshold": 0.05})
    return first, second


def test_two_published_drills_are_compared(two: tuple[Path, Path]) -> None:
    """The stricter lane target turns a gate red: it is told first as a verdict, with the figures below it."""
    done = compare(*two)
    lines = done.stdout.splitlines()

    assert done.exit_code == 0
    assert lines[0].startswith("A  ")
    assert lines[1].endswith("staging-eu  FAIL")
    assert "  worse   Verdict: PASS → FAIL" in lines
    assert "  worse   §3.4 Replay catch-up p95 stays within lane target: PASS → FAIL" in lines
    assert "          Setting lane-target-ms: 500 → 50" in lines
    assert lines[-1].endswith("the same")


def test_json_holds_the_same_changes(two: tuple[Path, Path]) -> None:
    """``--json`` gives each change with its raw values, for who wants to go on with them."""
    done = compare(*two, "--json")
    document = json.loads(done.stdout)

    assert [document[side]["verdict"] for side in ("before", "after")] == ["PASS", "FAIL"]
    assert {
        "group": "target",
        "what": "Setting lane-target-ms",
        "before": 500,
        "after": 50,
        "unit": "",
        "trend": "",
    } in (document["changes"])


def test_evidence_that_was_altered_is_not_compared(two: tuple[Path, Path], rollout: Rollout) -> None:
    """What is not as it was published says nothing: exit code 12, and what is wrong with which of the two."""
    (altered,) = rollout.out.glob("*-full-drill.md")
    altered.write_text(altered.read_text() + "And all was well.\n")
    done = compare(two[1], altered)

    assert (done.exit_code, done.stdout) == (12, "")
    assert altered.stem in done.stderr


def test_a_drill_that_is_not_there_is_named(two: tuple[Path, Path]) -> None:
    """A path that leads to no drill is a mistake of the command."""
    done = compare(two[0], two[1].parent / "nowhere")

    assert done.exit_code == 2
    assert "nowhere" in done.stderr
