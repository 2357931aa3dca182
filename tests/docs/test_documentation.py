from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from drills.runbook.load import load_runbook

#: Before it stands the verdict of a line that a drill prints.
VERDICT_WIDTH = 13
#: Pieces of profiles stand on one page, and are checked by ``test_targets_page.py``.
CHECKED_KINDS = {"python", "console", "text"}
ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")])


def name(document: Path) -> str:
    """Return the name of ``document`` in the checkout."""
    return document.relative_to(ROOT).as_posix()


def run_examples(document: Path) -> int:
    """Run the Python examples of ``document`` in one namespace and return how many there were."""
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(document.parent))
    examples = list(sybil.parse(document).examples())
    for example in examples:
        example.evaluate()
    return len(examples)


def local_links(document: Path) -> list[str]:
    """Return the links of ``document`` that lead to files."""
    inlines = (token.children or [] for token in MarkdownIt().parse(document.read_text()))
    links = (str(child.attrGet("href")) for children in inlines for child in children if child.type == "link_open")
    return [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_examples_do_what_they_show(document: Path) -> None:
    """Every Python example of the documentation runs, and answers what stands there."""
    shown = document.read_text().count("\n>>> ")

    assert run_examples(document) == shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_block_of_code_is_of_a_kind_that_is_checked(document: Path) -> None:
    """Blocks are Python examples with prompts, commands, or what a drill prints: nothing checks any other kind."""
    blocks = [token for token in MarkdownIt().parse(document.read_text()) if token.type in {"fence", "code_block"}]

    checked = CHECKED_KINDS | {"toml"} if document.name == "targets.md" else CHECKED_KINDS
    assert [block.info for block in blocks if block.info not in checked] == []
    assert [block.content for block in blocks if block.info == "python" and not block.content.startswith(">>> ")] == []


def test_what_a_drill_prints_is_what_the_runbook_says() -> None:
    """Each line of the README's excerpt with a section is that section's entry, in the runbook's words."""
    titles = {f"{entry.source} {entry.title}" for _, entry in load_runbook().entries()}
    blocks = [token for token in MarkdownIt().parse((ROOT / "README.md").read_text()) if token.info == "text"]
    lines = [line[VERDICT_WIDTH:] for block in blocks for line in block.content.splitlines() if " §" in line]
    shown = [re.sub(r" \(\d+\.\d s\)$", "", line).removesuffix(", …") for line in lines if "rollback of" not in line]

    assert len(shown) >= 6
    assert [line for line in shown if not any(title.startswith(line) for title in titles)] == []


def test_an_example_that_shows_something_else_is_found(tmp_path: Path) -> None:
    """An answer that is not the real one fails the check above."""
    document = tmp_path / "wrong.md"
    document.write_text("```python\n>>> 1 + 1\n3\n\n```\n")

    with pytest.raises(Exception, match=r"Expected:\s+3\s+Got:\s+2"):
        run_examples(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every link to a file of the repository finds that file."""
    assert [link for link in local_links(document) if not (document.parent / link).exists()] == []
