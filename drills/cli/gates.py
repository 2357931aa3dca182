"""``drill gates``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drills.cli.options import AS_JSON, TARGET, explained
from drills.clock import SYSTEM_CLOCK
from drills.errors import ConfigurationError
from drills.evidence.records import JudgedGate, Verdict
from drills.plugin.publishing import EXIT_CODES, INTERRUPTED
from drills.report.wording import duration, figure, quantity, second, sign
from drills.rollout.gates_now import GatesNow, Lookout, lookout

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}
#: What a table needs where nobody knows how wide the paper is.
WIDTH = 140


@click.command()
@TARGET
@click.option("--samples", type=click.Path(path_type=Path), metavar="FILE", help="Judge this OpenMetrics file instead.")
@click.option("--runbook", metavar="NAME|FILE", help="The runbook to go by, instead of the target's own.")
@click.option("--watch", is_flag=True, help="Judge again and again until Ctrl-C; the last verdict counts.")
@AS_JSON
@explained
def gates(target: str, samples: Path | None, runbook: str | None, *, watch: bool, as_json: bool) -> None:
    """Judge the SLO gates as they stand now, without a drill. Nothing of the target is changed.

    The exit code is the worst verdict: 0 PASS, 1 FAIL, 2 configuration, 10 INCONCLUSIVE, 130 interrupted.
    """
    with lookout(target, samples, runbook, SYSTEM_CLOCK) as out:
        if watch and out.file:
            raise ConfigurationError("a file of samples is of the past and does not change", remedy="drop --watch")
        with asked_to_end() as stopped:
            judged = _watch(out, stopped, as_json=as_json) if watch else _once(out, stopped, as_json=as_json)
    sys.exit(EXIT_CODES[judged.verdict] if judged else INTERRUPTED)


@contextmanager
def asked_to_end() -> Iterator[threading.Event]:
    """Yield what is set when somebody asks this command to end."""
    stopped = threading.Event()

    def stop(*_: object) -> None:
        # A thread of its own: the one that was struck may be holding the event's lock, and would wait for itself.
        threading.Thread(target=stopped.set).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _once(out: Lookout, stopped: threading.Event, *, as_json: bool) -> GatesNow | None:
    """Judge once, after a source without a memory has been watched for as long as the windows are."""
    if out.watch_seconds:
        seconds = duration(out.watch_seconds)
        click.echo(
            f"A /metrics page remembers nothing: watching it for {seconds} before the gates can speak.", err=True
        )
        if stopped.wait(out.watch_seconds):
            return None
    judged = out.look()
    _say(judged, as_json=as_json)
    return judged


def _watch(out: Lookout, stopped: threading.Event, *, as_json: bool) -> GatesNow | None:
    """Judge at the pace of the samples, and return the last judgement."""
    console = Console(stderr=as_json)
    if console.is_terminal and not as_json:
        with Live(console=console, auto_refresh=False) as live:
            for judged in _looks(out, stopped):
                live.update(_page(judged), refresh=True)
            return judged
    before: list[Verdict] = []
    for judged in _looks(out, stopped):
        verdicts = [gate.verdict for gate in judged.gates]
        if as_json or verdicts != before:
            _say(judged, as_json=as_json)
        before = verdicts
    return judged


def _looks(out: Lookout, stopped: threading.Event) -> Iterator[GatesNow]:
    yield out.look()
    while not stopped.wait(out.pace_seconds):
        yield out.look()


def _say(judged: GatesNow, *, as_json: bool) -> None:
    if as_json:
        click.echo(judged.model_dump_json())
        sys.stdout.flush()
        return
    console = Console()
    Console(width=console.width if console.is_terminal else WIDTH).print(_page(judged))


def _page(judged: GatesNow) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("verdict", "gate", "observed", "objective", "margin", "worst", "covered", "events"):
        table.add_column(heading, justify="right" if heading == "events" else "left")
    for gate in judged.gates:
        table.add_row(*_row(gate))
    head = Text.assemble(
        (str(judged.verdict), STYLES.get(judged.verdict, "")),
        f"  {judged.target or judged.runbook} at {judged.judged_at:%Y-%m-%d %H:%M:%S} UTC, from {judged.source}",
    )
    reasons = (Text(f"{gate.source} {gate.title}: {gate.reason}") for gate in judged.gates if gate.reason)
    return Group(head, Text(), table, Text(), *reasons)


def _row(gate: JudgedGate) -> tuple[Text, ...]:
    objective = "no threshold" if gate.threshold is None else f"{sign(gate.relation)} {figure(gate.threshold)}"
    worst = "" if gate.worst is None or gate.worst_at is None else f"{figure(gate.worst)} at {second(gate.worst_at)}"
    margin = "" if gate.margin is None else figure(gate.margin)
    cells = (
        f"{gate.source} {gate.id}",
        quantity(gate.observed, gate.unit),
        objective,
        margin,
        worst,
        f"{duration(gate.covered_seconds)} of {duration(gate.window_seconds)}",
        f"{gate.sample_count:,}",
    )
    return Text(str(gate.verdict), STYLES.get(gate.verdict, "")), *map(Text, cells)
