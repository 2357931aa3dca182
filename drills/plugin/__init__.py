"""The pytest plugin: options, and the drill that starts when scenarios are asked for.

An ordinary pytest run only sees the options; everything else is imported when a drill is on.
"""

from __future__ import annotations

import pytest

SCENARIOS = "drills.scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a drill, all beginning with ``--drill-``."""
    group = parser.getgroup("drills", "staging drills")
    group.addoption("--drill-target", metavar="NAME|FILE", help="'embedded', or a target profile (default: embedded)")
    group.addoption("--drill-runbook", metavar="NAME|FILE", help="the runbook (default: the one that the target names)")
    group.addoption("--drill-out", metavar="DIR", default="docs/sync/status", help="where reports are published")
    group.addoption("--drill-fault", metavar="NAME", action="append", default=[], help="inject a fault (embedded only)")
    group.addoption("--drill-issue", metavar="ID", help="the issue this drill is recorded under")
    group.addoption("--drill-operator", metavar="NAME", help="who runs the drill")
    group.addoption("--drill-sign-key", metavar="FILE", help="sign what is published with this private key")
    group.addoption("--drill-publish-traces", metavar="DIR", help="record, and write scrubbed traces below DIR")
    group.addoption("--drill-progress", action="store_true", help="print the drill's own progress, not pytest's")
    group.addoption("--drill-command", metavar="WORDS", help="the command as the user typed it, for the report")
    group.addoption(
        "--drill-allow-production", action="store_true", help="drill a target whose environment is production"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Bring in the drill when a target is named or the scenarios are to be run."""
    if config.getoption("drill_target") or any(word.startswith(SCENARIOS) for word in config.args):
        config.pluginmanager.import_plugin("drills.plugin.run")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers of scenarios known."""
    config.addinivalue_line("markers", "precondition(id): the runbook precondition that a scenario observes")
    config.addinivalue_line("markers", "checklist(item, *steps): the checklist item, with its steps, that is exercised")
    config.addinivalue_line("markers", "rollback(*ids): the rollback levels and validations that a scenario exercises")
