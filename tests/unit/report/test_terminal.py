"""What a drill prints says what it says: no text from outside moves the cursor or commands the runner of a job."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drills.report.terminal import shown


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[2J\x1b[1;1HPASS", "PASS"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x1b]8;;https://evil.example\n\x1b\\link", "alink"),
        ("one\rtwo", "one two"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("::error file=x::boom", ": :error file=x::boom"),
        ("   ::set-output name=x::y", "   : :set-output name=x::y"),
        ("text ##[error]boom", "text # #[error]boom"),
        ("ok   browser", "ok   browser"),
        ("problem:\n  - first\n  - second", "problem:\n  - first\n  - second"),
        ("std::vector and ## heading", "std::vector and ## heading"),
    ],
)
def test_what_would_command_is_only_text(dirty: str, clean: str) -> None:
    """Sequences are gone, commands are broken, and lists keep their shape."""
    assert shown(dirty) == clean


@given(st.text())
@example("\x1b[\n::x")
@example("\u200b::x")
@example(" \x00::x")
@example("##\u200b[x")
@example(":\x00:x")
@example("::" * 3)
def test_no_text_commands(anything: str) -> None:
    """Whatever comes in, no line begins with a command, and nothing is left that a terminal acts on."""
    lines = shown(anything).split("\n")

    assert [line for line in lines if line.strip().startswith("::") or "##[" in line] == []
    assert [char for line in lines for char in line if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"}] == []


@given(st.text())
def test_showing_again_changes_nothing(anything: str) -> None:
    """What is inert once is inert."""
    assert shown(shown(anything)) == shown(anything)
