"""``drill compare``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click
import orjson

from drills.cli.options import AS_JSON, explained
from drills.evidence.drill_record import DrillRecord
from drills.report.comparison import Comparison, compare, said
from drills.report.terminal import shown
from drills.report.wording import count, minute
from drills.rollout.published import verified_record

PLACE = click.Path(path_type=Path)


@click.command("compare")
@click.argument("before", metavar="A", type=PLACE)
@click.argument("after", metavar="B", type=PLACE)
@AS_JSON
@explained
def compare_command(before: Path, after: Path, *, as_json: bool) -> None:
    """Say what changed from drill A to drill B, each a published report or its folder.

    Both are verified first: evidence that was altered is not compared, and ends with exit code 12.
    """
    comparison = compare(verified_record(before), verified_record(after))
    click.echo(orjson.dumps(_document(comparison)).decode() if as_json else shown("\n".join(_lines(comparison))))


def _document(comparison: Comparison) -> dict[str, object]:
    return {
        "before": _side(comparison.before),
        "after": _side(comparison.after),
        "same": comparison.same,
        "changes": comparison.changes,
    }


def _side(record: DrillRecord) -> dict[str, str]:
    return {
        "drill_id": record.drill_id,
        "started_at": record.started_at.isoformat(),
        "target": record.target.name,
        "verdict": record.verdict,
    }


def _lines(comparison: Comparison) -> Iterator[str]:
    for name, record in (("A", comparison.before), ("B", comparison.after)):
        yield f"{name}  {record.drill_id}  {minute(record.started_at)}  {record.target.name}  {record.verdict}"
    for group, changes in groupby(comparison.changes, key=lambda change: change.group):
        yield f"\n{group}"
        yield from (f"  {change.trend:<6}  {said(change)}" for change in changes)
    worse = sum(change.trend == "worse" for change in comparison.changes)
    better = sum(change.trend == "better" for change in comparison.changes)
    changed = count(len(comparison.changes), "change")
    yield f"\n{changed}: {worse} worse, {better} better; {comparison.same} the same"
