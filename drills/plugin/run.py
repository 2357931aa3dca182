"""pytest's hooks of a drill: which scenarios run and in which order, and what becomes of their outcomes."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from drills.errors import DrillError
from drills.plugin.completeness import mismatches
from drills.plugin.drill import Drill
from drills.plugin.options import DrillOptions
from drills.plugin.publishing import INTERRUPTED
from drills.plugin.session import DrillSession
from drills.target.browser import Browser, Playwright
from drills.target.chromium import launch_arguments, provide

SESSION = pytest.StashKey[DrillSession]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read target and runbook before anything is touched; a mistake in them ends the run here."""
    try:
        session = DrillSession(DrillOptions.of(config), _console(quiet=not config.getoption("drill_progress")))
    except DrillError as error:
        pytest.exit(str(error), returncode=error.exit_code)
    config.stash[SESSION] = session
    # pytest-playwright empties its output folder and both reports are raw: they belong in the private run folder.
    config.option.output = str(session.folder.quarantine / "playwright")
    config.option.xmlpath = config.option.xmlpath or str(session.junit)
    config.option.htmlpath = config.option.htmlpath or str(session.page)
    config.option.self_contained_html = True


def pytest_sessionstart(session: pytest.Session) -> None:
    """Turn the signals that end a terminal or a job into an orderly end."""
    session.config.stash[SESSION].interruption.arm()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folders inside the scenarios' own to other runbooks."""
    inside = collection_path.is_dir() and collection_path.parent == config.stash[SESSION].scenarios
    return True if inside else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Preconditions come first whatever was selected; items follow in the order of the checklist."""
    if wrong := list(mismatches(config.stash[SESSION].runbook, items)):
        raise pytest.UsageError(f"runbook and scenarios differ: {'; '.join(wrong)}")
    preconditions = [item for item in items if item.get_closest_marker("precondition")]
    items[:] = [item for item in items if item not in preconditions]
    yield
    order = [entry.id for entry in config.stash[SESSION].runbook.checklist]
    items.sort(key=lambda item: order.index(name) if (name := _entry(item)) in order else len(order))
    items[:0] = preconditions if items else []


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Start the browser that was found, with the flags it needs here."""
    return {**browser_type_launch_args, "executable_path": str(provide().executable), "args": launch_arguments()}


@pytest.fixture(scope="session")
def drill(request: pytest.FixtureRequest) -> Iterator[Drill]:
    """The drill under way: target up, lease taken, baseline written down, console open."""
    session = request.config.stash[SESSION]
    try:
        session.start_target()  # which takes longer than a browser
        playwright: Playwright = request.getfixturevalue("playwright")
        browser: Browser = request.getfixturevalue("browser")
        session.await_target()
        yield session.begin(playwright, browser)
    except DrillError as error:
        pytest.exit(str(error), returncode=error.exit_code)
    finally:
        session.interruption.disarm()
        session.end()


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(config: pytest.Config) -> tuple[str, str, str] | None:
    """Leave the terminal to the drill's own progress, where that is wanted."""
    return ("", "", "") if config.getoption("drill_progress") else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave an item NOT_RUN, with the reason, when a precondition that it needs does not hold."""
    session, name = item.config.stash[SESSION], _entry(item)
    session.interruption.check()
    session.captures.plant_in(item)
    if item.get_closest_marker("checklist") and (unmet := session.unmet_needs(name)):
        pytest.skip(f"precondition not met: {', '.join(unmet)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Turn to the item; at its end, fail it when a check did not hold."""
    session = item.config.stash[SESSION]
    session.enter(_entry(item))
    yield
    if unmet := session.unmet_checks():
        pytest.fail("\n".join(unmet), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write down pytest's word on the item; a drill whose evidence cannot be written ends here."""
    del call
    report = yield
    if report.when == "call" or not report.passed:
        try:
            item.config.stash[SESSION].leave(_entry(item), report.outcome, report.duration, _reason(report))
        except DrillError as error:
            pytest.exit(error.message, returncode=error.exit_code)
    return report


def _console(*, quiet: bool) -> Console:
    """Return a console on the standard output of this moment, which pytest's capture does not redirect."""
    return Console(file=os.fdopen(os.dup(1), "w", buffering=1), quiet=quiet)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """When everyone else has written their reports, judge and publish; the verdict is the exit code.

    A disk that is full breaks off the writing of reports before pytest has ended its fixtures, the drill among them.
    What fails after the drill's last fact, such as closing a browser that is gone, takes nothing from its evidence.
    """
    drill = session.config.stash[SESSION]
    try:
        try:
            yield
        except Exception as error:  # whatever it is: it is told, and there is a report to publish
            if not drill.is_finished:
                raise
            drill.progress.say(f"after the end of the drill: {type(error).__name__}: {error}")
        if drill.drill is not None:
            session.exitstatus = drill.publish()
        elif drill.interruption.name:
            session.exitstatus = INTERRUPTED
    except (DrillError, OSError) as error:
        session.exitstatus = drill.give_up(error)
    finally:
        drill.stop_target()


def _entry(item: pytest.Item) -> str:
    """Return the id of the runbook entry that a scenario is for; its own name where it has no marker."""
    for kind in ("precondition", "checklist"):
        marker = item.get_closest_marker(kind)
        if marker and marker.args:
            return str(marker.args[0])
    return item.name


def _reason(report: pytest.TestReport) -> str:
    """Return one paragraph on why a scenario did not pass."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash else ""
