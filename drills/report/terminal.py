"""Text for a terminal or the log of a CI job: what came from outside moves no cursor and commands no runner."""

from __future__ import annotations

import re

from drills.report.markdown import printable, without_terminal

#: What the runner of a GitHub job takes for a command: at the beginning of a line, and in its old form anywhere.
_COMMAND = re.compile(r"^\s*::|##(?=\[)")


def shown(text: str) -> str:
    """Return ``text`` line by line without terminal sequences, control and bidirectional characters and commands.

    Spaces stay, so that columns still look like columns.
    """
    return "\n".join(map(_line, without_terminal(text).split("\n")))


def _line(line: str) -> str:
    return _COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", printable(line))
