"""``drill run``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import click
import pytest

from drills.cli.options import OUT, SET, SIGN_KEY, TARGET, USAGE, explained
from drills.evidence.recordings import FOLDER as TRACES
from drills.plugin.drill_plan import plan_drill

#: pytest keeps its reports and leaves the terminal to the drill's own progress.
QUIET = ("-qq", "--no-header", "--no-summary", "--tb=short", "--drill-progress")


@click.command()
@TARGET
@click.option("--runbook", metavar="NAME|FILE", help="What to follow, if not what the target names.")
@OUT
@click.option("-k", "expression", metavar="EXPR", help="Only the scenarios that pytest's -k selects.")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Inject a fault into the embedded staging.")
@click.option("--issue", metavar="ID", help="The issue this drill is recorded under.")
@click.option("--operator", metavar="NAME", help="Who runs the drill.")
@click.option("--tracing", is_flag=True, help="Record Playwright traces and HAR archives into the private run folder.")
@click.option(
    "--publish-traces",
    metavar="[DIR]",
    is_flag=False,
    flag_value=TRACES,
    help=f"Record, and write the traces without secrets below DIR ({TRACES}), for a CI job to upload.",
)
@SET
@click.option("--allow-production", is_flag=True, help="Drill a target whose environment is production.")
@SIGN_KEY
@explained
def run(
    target: str,
    runbook: str | None,
    out: Path,
    expression: str | None,
    faults: Sequence[str],
    issue: str | None,
    operator: str | None,
    sign_key: Path | None,
    publish_traces: str | None,
    *,
    tracing: bool,
    allow_production: bool,
) -> None:
    """Run the drill, judge it, and publish its report.

    The exit code is the verdict: 0 PASS, 1 FAIL, 2 configuration, 10 INCONCLUSIVE, 11 switches not restored,
    12 evidence refused, 130 interrupted.
    """
    scenarios = str(plan_drill(target, runbook, allow_production=allow_production).scenarios)
    words = [scenarios, "--drill-target", target, "--drill-out", str(out)]
    words += ["--drill-command", shlex.join(["drill", *sys.argv[1:]])]
    words += [word for fault in faults for word in ("--drill-fault", fault)]
    for option, value in (
        ("--drill-runbook", runbook),
        ("-k", expression),
        ("--drill-issue", issue),
        ("--drill-operator", operator),
        ("--drill-sign-key", str(sign_key) if sign_key else None),
        ("--drill-publish-traces", publish_traces),
        ("--tracing", "on" if tracing else None),
    ):
        words += [option, value] if value else []
    words += ["--drill-allow-production"] if allow_production else []
    # Another project's conftest.py, in a folder above the scenarios or where the drill is started, is none of its
    # business.
    cut = f"--confcutdir={scenarios}"
    with as_file(files("drills.plugin").joinpath("drill.ini")) as ini:
        code = pytest.main(["-c", str(ini), "--rootdir=.", cut, "-p", "no:cacheprovider", *QUIET, *words])
    sys.exit(USAGE if code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED} else int(code))
