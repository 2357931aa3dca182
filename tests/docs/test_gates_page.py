"""What ``docs/gates.md`` shows of ``drill gates`` is what it does."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from drills.cli import main
from drills.target.metrics.settings import MetricSettings
from tests.functional.history import openmetrics

PAGE = (Path(__file__).parents[2] / "docs" / "gates.md").read_text(encoding="utf-8")
BLOCKS = [token for token in MarkdownIt().parse(PAGE) if token.type == "fence"]
[COMMAND] = [block.content.strip() for block in BLOCKS if block.info == "console"]
[SHOWN] = [block.content for block in BLOCKS if block.info == "text"]
END = datetime(2026, 2, 20, 12, tzinfo=UTC)


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the command of the page prints in a folder with a file of samples."""
    monkeypatch.chdir(tmp_path)
    Path("samples.om").write_text(openmetrics(END))
    return CliRunner().invoke(main, shlex.split(COMMAND)[1:], catch_exceptions=False).stdout


def words(text: str) -> str:
    """Return ``text`` with single spaces: how wide a column is and where a line breaks depends on the paper."""
    return " ".join(text.split())


def missing(shown: str, printed: str) -> list[str]:
    """Return the lines of an excerpt that are not in what was printed; a line ``…`` stands for others."""
    return [line for line in shown.splitlines() if line != "…" and words(line) not in words(printed)]


def test_the_excerpt_is_what_is_printed(printed: str) -> None:
    """Whoever types the command over these samples reads these lines."""
    assert missing(SHOWN, printed) == []


def test_an_excerpt_that_shows_something_else_is_found(printed: str) -> None:
    """One other figure fails the check above."""
    wrong = re.sub("95 ms", "96 ms", SHOWN)

    assert [line.split()[2] for line in missing(wrong, printed)] == ["replay-catch-up"]


def test_no_kind_of_source_is_untold() -> None:
    """Each kind that a profile may name has its row on the page."""
    kinds = [part.model_fields["kind"].annotation for part in get_args(get_args(MetricSettings)[0])]
    named = [get_args(kind)[0] for kind in kinds]

    assert sorted(named) == ["openmetrics", "prometheus", "scrape"]
    assert [kind for kind in named if f"| `{kind}` |" not in PAGE] == []
