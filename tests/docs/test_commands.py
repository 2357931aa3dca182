from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
TEST_COMMAND = "python3 -m pip install nox && nox -s tests"
DRILL_COMMAND = "python3 -m pip install nox && nox -s staging_drill"


def commands(text: str) -> list[str]:
    """Return every shell command in a Markdown text: lines of console blocks, and code spans that begin with one."""
    tokens = MarkdownIt().parse(text)
    return [part.strip() for source in _shell_sources(tokens) for part in re.split(r"&&|\n|;", source) if part.strip()]


def _shell_sources(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "fence" and token.info == "console":
            yield token.content
        for child in token.children or []:
            if child.type == "code_inline" and re.match(r"(drill|nox) \S", child.content):
                yield child.content


def named(program: str) -> list[str]:
    """Return each distinct command of the documentation that runs ``program``."""
    found = {command for document in DOCUMENTS for command in commands(document.read_text())}
    return sorted(command for command in found if shlex.split(command)[0] == program)


def mistakes(main: click.Group, command: str) -> list[str]:
    """Return what ``command`` names that the command line of ``main`` does not have."""
    words = shlex.split(command)[1:]
    at: click.Command = main
    while isinstance(at, click.Group) and words and not words[0].startswith("-"):
        word = words.pop(0)
        known = at.get_command(click.Context(at), word)
        if known is None:
            return [f"no command {word!r}"]
        at = known
    options = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.partition("=")[0] for word in words if word.startswith("-") and word != "--"]
    return [f"no option {option!r}" for option in given if option not in {*options, "--help"}]


@pytest.fixture(scope="session")
def sessions() -> set[str]:
    """Return the names of the nox sessions."""
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "--nocolor"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^[*-] (\w+)", listed.stdout, re.MULTILINE))


@pytest.fixture(scope="session")
def main() -> click.Group:
    """Return the command line of the drill."""
    if importlib.util.find_spec("drills.cli") is None:
        pytest.skip("there is no command line yet")
    module = importlib.import_module("drills.cli")
    group = module.main
    assert isinstance(group, click.Group)
    return group


@pytest.mark.parametrize("command", named("nox"))
def test_the_nox_sessions_that_are_named_exist(command: str, sessions: set[str]) -> None:
    """Whoever types a nox command of the documentation meets a session of that name."""
    words = shlex.split(command.partition(" -- ")[0])

    assert set(words[words.index("-s") + 1 :]) <= sessions


@pytest.mark.parametrize("command", named("drill"))
def test_the_drill_commands_that_are_named_exist(command: str, main: click.Group) -> None:
    """Whoever types a drill command of the documentation meets that command with those options."""
    assert mistakes(main, command) == []


def test_words_that_nox_passes_on_are_words_of_the_drill(main: click.Group) -> None:
    """What stands after -- in a staging drill is understood by ``drill run``."""
    passed_on = [command.partition(" -- ")[2] for command in named("nox") if "staging_drill -- " in command]

    assert passed_on != []
    assert [mistakes(main, f"drill run {words}") for words in passed_on] == [[] for _ in passed_on]


def test_a_command_that_does_not_exist_is_found() -> None:
    """A wrong command and a wrong option fail the checks above."""
    group = click.Group("drill", commands=[click.Command("run", params=[click.Option(["--out"])])])

    assert mistakes(group, "drill run --out here") == []
    assert mistakes(group, "drill run --nowhere=here") == ["no option '--nowhere'"]
    assert mistakes(group, "drill walk") == ["no command 'walk'"]


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    """The checks above look at console blocks line by line, and at code spans in a sentence."""
    text = "```console\na b && drill x\nnox -s y\n```\n\nType `drill z --now`, not `drill`.\n"

    assert commands(text) == ["a b", "drill x", "nox -s y", "drill z --now"]


@pytest.mark.parametrize("command", [DRILL_COMMAND, TEST_COMMAND])
def test_the_readme_gives_the_two_commands(command: str) -> None:
    """A reader of the README can start a drill and the tests with one line each."""
    lines = [
        line
        for token in MarkdownIt().parse((ROOT / "README.md").read_text())
        if token.type == "fence"
        for line in token.content.splitlines()
    ]

    assert lines.count(command) == 1


@pytest.mark.parametrize("script", [".ci/run", ".github/workflows/ci.yml"])
def test_ci_runs_the_readmes_test_command(script: str) -> None:
    """What the README promises about the tests is what CI proves."""
    assert TEST_COMMAND in (ROOT / script).read_text()


@pytest.mark.parametrize("script", [".ci/run", ".github/workflows/nightly-drill.yml"])
def test_ci_runs_a_drill(script: str) -> None:
    """A real drill is run by what guards the main branch, and every night."""
    assert "nox -s staging_drill -- --" in (ROOT / script).read_text()
