"""The ``drill`` command. Each command is thin: it reads its options, calls one room, and says what came of it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.resources import as_file, files
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
import pytest

import drills
from drills.attestation import verify
from drills.errors import DrillError
from drills.plugin.aftermath import find_run, publish_again, unpublished
from drills.plugin.doctor import examine
from drills.plugin.publishing import exit_code, write_index
from drills.restore import recover
from drills.restore.state import StateFolder
from drills.target.embedded import CAUGHT_BY, ForegroundStaging, StagingReady, fault_names

OUT = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/sync/status"), help="Where reports are published."
)
TARGET = click.option("--target", default="embedded", show_default=True, metavar="NAME|FILE", help="What to drill.")
USAGE = 2
#: pytest keeps its reports and leaves the terminal to the drill's own progress.
QUIET = ("-qq", "--no-header", "--no-summary", "--tb=short", "--drill-progress")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Data on stdout, everything else on stderr.")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def explained(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """End with the error's own exit code after saying what happened, where, and what to type next."""

    @wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
        try:
            return command(*arguments, **options)
        except DrillError as error:
            click.echo(f"drill: {error}", err=True)
            click.echo(f"  about: docs/messages.md#{error.slug}", err=True)
            sys.exit(error.exit_code)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="khala-drills", prog_name="drill")
def main() -> None:
    """Rehearse a rollout in staging, and leave evidence that can be checked again."""


@main.command()
@TARGET
@OUT
@click.option("-k", "expression", metavar="EXPR", help="Only the scenarios that pytest's -k selects.")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Inject a fault into the embedded staging.")
@click.option("--issue", metavar="ID", help="The issue this drill is recorded under.")
@click.option("--operator", metavar="NAME", help="Who runs the drill.")
@click.option("--allow-production", is_flag=True, help="Drill a target whose environment is production.")
@explained
def run(
    target: str,
    out: Path,
    expression: str | None,
    faults: Sequence[str],
    issue: str | None,
    operator: str | None,
    *,
    allow_production: bool,
) -> None:
    """Run the drill, judge it, and publish its report.

    The exit code is the verdict: 0 PASS, 1 FAIL, 2 configuration, 10 INCONCLUSIVE, 11 switches not restored,
    12 evidence refused, 130 interrupted.
    """
    words = ["--pyargs", "drills.scenarios", "--drill-target", target, "--drill-out", str(out)]
    words += ["--drill-command", shlex.join(["drill", *sys.argv[1:]])]
    words += [word for fault in faults for word in ("--drill-fault", fault)]
    for option, value in (("-k", expression), ("--drill-issue", issue), ("--drill-operator", operator)):
        words += [option, value] if value else []
    words += ["--drill-allow-production"] if allow_production else []
    # Another project's conftest.py, in the folder that the drill is started from, is none of its business.
    cut = f"--confcutdir={Path(drills.__file__).parent}"
    with as_file(files("drills.plugin").joinpath("drill.ini")) as ini:
        code = pytest.main(["-c", str(ini), "--rootdir=.", cut, "-p", "no:cacheprovider", *QUIET, *words])
    sys.exit(USAGE if code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED} else int(code))


@main.group()
def staging() -> None:
    """The embedded staging environment."""


@staging.command("up")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Start with a fault injected.")
@click.option("--profile", type=click.Path(path_type=Path), help="Write a target profile for it to this file.")
@AS_JSON
@explained
def staging_up(faults: Sequence[str], profile: Path | None, *, as_json: bool) -> None:
    """Run an embedded staging in the foreground until Ctrl-C. It outlives any drill."""

    def say(ready: StagingReady) -> None:
        click.echo(_ready_json(ready, profile) if as_json else _ready_text(ready, profile))
        sys.stdout.flush()

    sys.exit(ForegroundStaging(faults, profile).run(say))


@main.command()
@click.option("--list", "only_list", is_flag=True, help="Only say what is left to put back.")
@click.option("--force-unlock", metavar="DRILL_ID", help="Take the lease of a drill that is gone out of its hands.")
@AS_JSON
@explained
def restore(force_unlock: str | None, *, only_list: bool, as_json: bool) -> None:
    """Put back what an interrupted drill left. Safe to repeat."""
    state = StateFolder.default()
    if force_unlock:
        click.echo(f"taken: {recover.force_unlock(state, force_unlock).describe()}", err=True)
    if only_list:
        _say_unresolved(recover.unresolved(state), as_json=as_json)
        return
    done = recover.restore(state)
    _say_restored(done, as_json=as_json)
    for folder in unpublished(state):
        record, published = publish_again(folder, state)
        click.echo(f"published what drill {record.drill_id} had seen: {published.report}", err=True)
    recover.demand_restored(one.restored for one in done)


@main.command()
@click.argument("run_id", metavar="RUN")
@OUT
@explained
def report(run_id: str, out: Path) -> None:
    """Judge a run of this machine again from its ledger, and publish its report."""
    state = StateFolder.default()
    record, published = publish_again(find_run(state, run_id), state, out)
    click.echo(f"{record.verdict}: {published.report}")
    sys.exit(exit_code(record))


@main.command("verify")
@click.argument("place", metavar="REPORT.md|FOLDER", type=click.Path(path_type=Path))
@explained
def verify_command(place: Path) -> None:
    """Check a published drill offline: digests, ledger chain, and every verdict computed again."""
    verified = verify(place)
    click.echo(f"{verified.files} files unchanged, {verified.entries} ledger entries in their chain")
    click.echo(f"every verdict follows from the ledger: {verified.record.verdict}, {verified.record.decision.value}")
    click.echo("unsigned: this shows that the evidence is consistent, not who published it")


@main.command()
@OUT
@explained
def history(out: Path) -> None:
    """Write the index of published drills anew."""
    click.echo(write_index(out).read_text(encoding="utf-8"))


@main.command()
@AS_JSON
def matrix(*, as_json: bool) -> None:
    """List the faults that can be injected, and the checks that have been seen to catch them."""
    rows = [{"fault": name, "caught_by": list(CAUGHT_BY.get(name, ()))} for name in fault_names()]
    if as_json:
        click.echo(json.dumps({"faults": rows}))
        return
    for row in rows:
        click.echo(f"{row['fault']:24} {', '.join(row['caught_by'])}")


@main.command()
@TARGET
@explained
def doctor(target: str) -> None:
    """Check browser, target, git and disk: what is missing, and the command that mends it."""
    findings = list(examine(target))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.ok else 'MISS'} {finding.what}: {finding.seen}")
        if finding.remedy and not finding.ok:
            click.echo(f"     next: {finding.remedy}")
    sys.exit(0 if all(finding.ok for finding in findings) else USAGE)


def _ready_json(ready: StagingReady, profile: Path | None) -> str:
    return json.dumps(
        {
            "urls": ready.urls,
            "sync_token": ready.sync_token.get_secret_value(),
            "operator_token": ready.operator_token.get_secret_value(),
            "profile": str(profile) if profile else None,
            "pid": ready.pid,
        }
    )


def _ready_text(ready: StagingReady, profile: Path | None) -> str:
    lines = ["The embedded staging is up; Ctrl-C ends it.", ""]
    lines += [f"  {name:13} {url}" for name, url in ready.urls.items()]
    lines += ["", f"  operator token {ready.operator_token.get_secret_value()}"]
    lines += [f"  sync token     {ready.sync_token.get_secret_value()}"]
    lines += ["", f"Drill it: drill run --target {profile}"] if profile else []
    return "\n".join(lines)


def _say_unresolved(left: Sequence[recover.UnresolvedSwitch], *, as_json: bool) -> None:
    rows = [
        {
            "target": one.target,
            "drill_id": one.drill_id,
            "switch": one.switch,
            "baseline": one.baseline,
            "flipped_to": one.asked,
            "held_by": one.held_by,
        }
        for one in left
    ]
    if as_json:
        click.echo(json.dumps({"unresolved": rows}))
        return
    for row in rows:
        click.echo("{target}: {switch} was {baseline!r}, drill {drill_id} set it to {flipped_to!r}".format(**row))
    click.echo("nothing is left to put back" if not rows else "type `drill restore` to put it back")


def _say_restored(done: Sequence[recover.RestoredTarget], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"restored": [json.loads(one.restored.model_dump_json()) for one in done]}))
        return
    for one in done:
        for switch in one.restored.switches:
            word = "back at" if switch.restored else "NOT back at"
            click.echo(f"{one.target}: {switch.switch} {word} {switch.baseline!r} ({switch.verified})")
    if not done:
        click.echo("nothing was left to put back")
