"""The walk through a stage decision in the documentation, walked."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from markdown_it.token import Token

from drills.cli import main
from drills.runbook.load import load_runbook
from tests.functional.rollout.conftest import Rollout

PAGE = Path(__file__).parents[3] / "docs" / "decisions.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: What each command ends with: GO, NO-GO for the hold, NO-GO for a stage that was not reached.
ENDS = {"--to B": 0, "--to C": 1, "--to D": 1, "history": 0, "compare": 0, "export": 0}


def blocks() -> list[Token]:
    """Return the commands of the page and what they print, in order."""
    return [token for token in MarkdownIt().parse(TEXT) if token.type == "fence" and token.info in {"console", "text"}]


def test_the_commands_do_what_the_page_says(rollout: Rollout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the page runs as it stands, ends as the page says, and prints the lines that it shows."""
    status = rollout.home / "docs" / "sync" / "status"
    shutil.copytree(rollout.out, status)
    (published,) = status.glob("*-full-drill")
    rollout.profile.rename(rollout.home / "staging.toml")
    monkeypatch.chdir(rollout.home)
    printed, ran = "", 0
    for block in blocks():
        if block.info == "text":
            assert [line for line in block.content.splitlines() if line not in printed.splitlines()] == []
            continue
        for line in block.content.splitlines():
            words = re.sub(r"docs/sync/status/2026\S+\.md", f"docs/sync/status/{published.name}.md", line)
            done = CliRunner().invoke(main, shlex.split(words)[1:])
            (expected,) = {code for part, code in ENDS.items() if part in line}
            assert (done.exit_code, words) == (expected, words), done.output
            printed, ran = done.output, ran + 1

    assert ran == 8
    assert sorted(path.name for path in rollout.home.glob("*.*") if path.suffix in {".yml", ".json"}) == [
        "annotations.json",
        "gates.yml",
        "parity.json",
    ]


def test_the_page_names_every_requirement(rollout: Rollout) -> None:
    """The table of requirements is the list of those that a decision holds, in their order."""
    rollout.ask("--from", "A", "--to", "B")
    decided = [
        re.sub(r"^(gate|precondition|rollback)-.*", r"\1-…", one.id) for one in rollout.decisions[0].requirements
    ]
    table = TEXT.partition("## What must hold")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) == list(dict.fromkeys(decided))


def test_the_gate_that_is_left_to_its_last_bucket_is_the_only_one() -> None:
    """The page says how a trend is exported; it would have to say more if the runbook had other objectives."""
    kinds = [gate.objective.kind for gate in load_runbook().gates]

    assert kinds.count("trend_to_zero") == 1
    assert set(kinds) == {"comparison", "trend_to_zero"}
