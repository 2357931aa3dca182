from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from drills import errors
from drills.errors import BrowserMissing, ConfigurationError, DrillError, IntegrityBroken, RestoreFailed

#: What the command line promises about its exit codes, apart from 0, 1 and 130, which no error has.
EXIT_CODES = {2, 10, 11, 12}


def tree(root: type[DrillError] = DrillError, depth: int = 0) -> Iterator[tuple[int, type[DrillError]]]:
    """Yield every error of the toolkit with its depth, parents before their children, in the order of the file."""
    yield depth, root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def drawn_tree() -> list[tuple[int, str]]:
    """Return the tree as the module's docstring draws it."""
    drawn = re.findall(r"^ {4}((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)", inspect.getdoc(errors) or "", re.MULTILINE)
    return [(0 if name == "DrillError" else len(indent) // 4 + 1, name) for indent, name in drawn]


def test_the_docstring_draws_the_whole_tree() -> None:
    """What a reader sees at the top of the file is the tree that is there, each error under its parent."""
    assert drawn_tree() == [(depth, error.__name__) for depth, error in tree()]


@pytest.mark.parametrize("error", [error for _, error in tree()], ids=lambda error: error.__name__)
def test_every_error_has_a_slug_and_an_exit_code_of_its_contract(error: type[DrillError]) -> None:
    """An error can be looked up by its slug, and the command line can end with its code."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.slug)
    assert error.exit_code in EXIT_CODES


def test_slugs_are_distinct() -> None:
    """No two errors share an explanation."""
    slugs = [error.slug for _, error in tree()]

    assert sorted(slugs) == sorted(set(slugs))


def test_an_error_says_what_to_do_next() -> None:
    """The remedy stands on a line of its own after the message."""
    error = BrowserMissing("No browser.", remedy="install one")

    assert str(error) == "No browser.\n  next: install one"


def test_a_message_is_for_a_person() -> None:
    """What it quotes may come from a file of any size: the end of that is cut, and it says so."""
    error = DrillError(f"metrics.txt is not OpenMetrics: {'x' * 1_000_000}")

    assert len(error.message) < 21_000
    assert error.message.endswith("x … (cut)")


def test_an_error_without_a_remedy_promises_none() -> None:
    """Without a remedy only the message is shown."""
    assert str(DrillError("It broke.")) == "It broke."


def test_all_mistakes_of_a_configuration_are_told_at_once() -> None:
    """Each mistake gets its line, the remedy comes last, and callers can read the list."""
    error = ConfigurationError("Two mistakes:", mistakes=["a: wrong", "b: missing"], remedy="mend them")

    assert str(error) == "Two mistakes:\n  - a: wrong\n  - b: missing\n  next: mend them"
    assert error.mistakes == ("a: wrong", "b: missing")


def test_what_matters_most_has_codes_of_its_own() -> None:
    """A caller can tell switches left behind, and evidence that cannot be believed, from everything else."""
    assert (RestoreFailed.exit_code, IntegrityBroken.exit_code) == (11, 12)
