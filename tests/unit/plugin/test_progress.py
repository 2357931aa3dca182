"""What one sees while a drill runs, on a terminal and without one."""

from __future__ import annotations

import io
from typing import Literal

from rich.console import Console

from drills.plugin.progress import Progress
from drills.runbook.load import load_runbook


def shown(*, terminal: bool, quiet: bool = False) -> tuple[Progress, io.StringIO]:
    """Return a progress and what it prints to."""
    output = io.StringIO()
    colours: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=output, force_terminal=terminal, width=100, quiet=quiet, color_system=colours)
    return Progress(load_runbook(), console), output


def test_without_a_terminal_only_finished_lines_are_printed() -> None:
    """A log holds one plain line per entry, and what did not hold below it."""
    progress, output = shown(terminal=False)
    progress.begin("web")
    assert output.getvalue() == ""
    progress.finish("web", "failed", 3.21, ["FAIL something [web]: observed 0, expected == 1"])
    first, second = output.getvalue().splitlines()
    assert first.startswith("FAIL         §5.2 Enable Khala flag on web admin")
    assert first.endswith("(3.2 s)")
    assert second.strip() == "FAIL something [web]: observed 0, expected == 1"


def test_on_a_terminal_there_is_a_sign_of_life() -> None:
    """What is being done now is on the screen while it is done, and is gone afterwards."""
    progress, output = shown(terminal=True)
    progress.doing("starting the embedded staging")
    progress.begin("web")
    progress.finish("web", "passed", 1.0, [])
    progress.stop()
    assert "Enable Khala flag on web admin" in output.getvalue()
    assert "\x1b[" in output.getvalue()


def test_markup_in_what_was_observed_stays_text() -> None:
    """A page that shows square brackets cannot colour the operator's terminal."""
    progress, output = shown(terminal=False)
    progress.say("[red]observed[/red]")
    assert output.getvalue() == "[red]observed[/red]\n"


def test_under_plain_pytest_it_is_silent() -> None:
    """The output of pytest is enough there."""
    progress, output = shown(terminal=True, quiet=True)
    progress.begin("web")
    progress.finish("web", "passed", 1.0, [])
    assert output.getvalue() == ""
