"""``drill promote``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from drills.cli.options import AS_JSON, OUT, TARGET, explained
from drills.clock import SYSTEM_CLOCK
from drills.evidence.records import StageDecided, Verdict
from drills.plugin.publishing import EXIT_CODES, append_step_summary
from drills.report.decisions import against, remedies, step
from drills.report.render import render_decision
from drills.report.terminal import shown
from drills.restore.state import StateFolder
from drills.rollout.promote import Question, promote


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; without an offset it is in UTC."""

    name = "MOMENT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, aware, in UTC."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a moment such as 2026-02-20T14:00Z", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


@click.command("promote")
@click.option("--from", "origin", required=True, metavar="STAGE", help="The stage that the rollout is in.")
@click.option("--to", "destination", required=True, metavar="STAGE", help="The stage that comes next.")
@TARGET
@OUT
@click.option("--since", type=Moment(), help="When the stage began, if no recorded decision says so.")
@click.option("--runbook", metavar="NAME|FILE", help="The runbook to go by, instead of the target's own.")
@click.option("--operator", metavar="NAME", help="Who decides.")
@AS_JSON
@explained
def promote_command(
    origin: str,
    destination: str,
    target: str,
    out: Path,
    since: datetime | None,
    runbook: str | None,
    operator: str | None,
    *,
    as_json: bool,
) -> None:
    """Decide whether the rollout may leave one stage for the next: GO or NO-GO, with every reason.

    The exit code is 0 for GO, 1 for NO-GO, 10 if something could not be judged (which is NO-GO too), 2 for a step that
    is none. The decision is recorded beside the reports. Nothing of the target is changed.
    """
    question = Question(target, origin, destination, out, runbook=runbook, since=since, operator=operator)
    decided = promote(question, StateFolder.default(), SYSTEM_CLOCK).decided
    append_step_summary(render_decision(decided))
    click.echo(decided.model_dump_json() if as_json else shown("\n".join(_lines(decided, out))))
    sys.exit(EXIT_CODES[decided.verdict])


def _lines(decided: StageDecided, out: Path) -> Iterator[str]:
    unsure = ", inconclusive" if decided.value == "NO-GO" and decided.verdict is not Verdict.FAIL else ""
    yield f"{decided.value}{unsure}: {step(decided)}, target {decided.target}"
    yield ""
    for one in decided.requirements:
        yield f"{one.verdict:<13} {one.source:<5} {one.title}"
        if one.verdict is not Verdict.PASS:
            yield f"{'':<19} {one.reason}"
    if decided.rollback:
        settings = ", ".join(decided.rollback.settings)
        yield f"\nroll back now: {decided.rollback.source} {decided.rollback.title}\n  set {settings}"
    if against(decided):
        yield "\nwhat would make it GO:"
        yield from (f"  - {remedy}" for remedy in remedies(decided))
    yield f"\nrecorded in {out / 'decisions.jsonl'}; with its evidence: {out / 'decisions.md'}"
