from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills import errors
from drills.errors import DrillError

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
SECTION = re.compile(
    r"^## (?P<slug>\S+)\n\n`(?P<name>\w+)`, exit code (?P<code>\d+)\n\n(?P<body>.*?)(?=^## |\Z)",
    re.MULTILINE | re.DOTALL,
)


def tree(root: type[DrillError] = DrillError) -> Iterator[type[DrillError]]:
    """Yield every error of the toolkit's own tree."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def explained() -> list[re.Match[str]]:
    """Return the sections of the page."""
    return list(SECTION.finditer(PAGE.read_text()))


def test_every_error_is_explained_and_every_explanation_has_its_error() -> None:
    """Each error has one section that states its class and exit code; a section without an error is left over."""
    written = sorted((section["slug"], section["name"], int(section["code"])) for section in explained())

    assert written == sorted((error.slug, error.__name__, error.exit_code) for error in tree())


def test_no_heading_is_outside_of_the_pattern() -> None:
    """A section that is not in the common form would escape the other checks."""
    assert len(explained()) == PAGE.read_text().count("\n## ")


@pytest.mark.parametrize("section", explained(), ids=lambda section: section["slug"])
def test_a_section_says_what_it_means_why_it_happens_and_what_to_do(section: re.Match[str]) -> None:
    """A reader finds the three answers in each section, in this order."""
    assert re.findall(r"^\*\*(\w+)\*\* \S", section["body"], re.MULTILINE) == ["Means", "Why", "Do"]


def test_sections_stand_in_the_order_of_their_exit_codes() -> None:
    """The page keeps the order that it promises."""
    codes = [int(section["code"]) for section in explained()]

    assert codes == sorted(codes)
