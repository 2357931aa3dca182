"""Kill programs that flip switches, again and again, and see whether their target ends as it was found.

    python -m tests.functional.restore.kills --random 24

Prints a table of figures; each death is a line of the results file as soon as it has been died.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from queue import Queue

import click

from tests.functional.restore.kills.disk import can_mount
from tests.functional.restore.kills.figures import table
from tests.functional.restore.kills.lane import Death, Kill, Lane
from tests.functional.restore.kills.plan import at_steps, planned
from tests.functional.restore.kills.target import staging
from tests.functional.restore.kills.toolkit import ChaosToolkit
from tests.functional.restore.kills.victims import Drill, Product
from tests.functional.restore.kills.ways import WAYS

PRODUCTS: dict[str, Product] = {product.name: product for product in (Drill(), ChaosToolkit())}


class Matrix:
    """Deaths on several targets side by side. Each is written to ``results`` as it is died."""

    def __init__(self, lanes: Sequence[Lane], results: Path | None) -> None:
        """Use ``lanes``, all of which are free."""
        self._pool = ThreadPoolExecutor(len(lanes))
        self._free: Queue[Lane] = Queue()
        for lane in lanes:
            self._free.put(lane)
        self._results = results

    def deaths(self, kills: Sequence[Kill]) -> list[Death]:
        """Die all deaths."""
        return list(self._pool.map(self._die, kills))

    def following(self) -> bool:
        """Run one more program, undisturbed, and return whether it went well."""
        lane = self._free.get()
        try:
            return lane.following()
        finally:
            self._free.put(lane)

    def _die(self, kill: Kill) -> Death:
        lane = self._free.get()
        try:
            death = lane.kill(kill)
        finally:
            self._free.put(lane)
        if self._results:
            with self._results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(death)) + "\n")
        return death


@click.command()
@click.option("--product", type=click.Choice(sorted(PRODUCTS)), default=Drill.name, help="What is killed.")
@click.option("--way", "ways", multiple=True, type=click.Choice(sorted(WAYS)), help="Ways to die (default: all).")
@click.option("--comparable", is_flag=True, help="Only the ways that can be tried on every product.")
@click.option("--step", "steps", multiple=True, type=int, help="Only these steps of the short course.")
@click.option("--rounds", default=2, show_default=True, help="Kills at every step of the long course.")
@click.option("--random", "at_random", default=100, show_default=True, help="Kills at random moments.")
@click.option("--seed", default=1, show_default=True, help="What the random moments are drawn from.")
@click.option("--lanes", default=1, show_default=True, help="Targets that are used side by side.")
@click.option("--follow/--no-follow", default=True, help="Run one undisturbed after each way to die.")
@click.option("--results", type=click.Path(path_type=Path), help="Add each death to this file as it is died.")
@click.option("--show", type=click.Path(exists=True, path_type=Path), help="Only print the table of such a file.")
def main(
    product: str,
    ways: Sequence[str],
    steps: Sequence[int],
    rounds: int,
    at_random: int,
    seed: int,
    lanes: int,
    results: Path | None,
    show: Path | None,
    *,
    comparable: bool,
    follow: bool,
) -> None:
    """Kill, print a table, and end with 1 when a flag was left behind, or what came afterwards did not go well."""
    if show:
        print_table([Death(**json.loads(line)) for line in show.read_text(encoding="utf-8").splitlines()])
        return
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the victims would inherit a deaf ear for it
    chosen = [way for way in ways or WAYS if possible(way, general=comparable or product != Drill.name)]
    course = PRODUCTS[product].courses
    kills = at_steps(chosen, course, steps) if steps else planned(chosen, course, rounds, at_random, seed)
    with open_lanes(PRODUCTS[product], lanes) as free:
        deaths, followed = run(Matrix(free, results), list(kills), follow=follow)
    print_table(deaths)
    sys.exit(0 if followed and all(death.restored and death.readable and death.ready for death in deaths) else 1)


def run(matrix: Matrix, kills: Sequence[Kill], *, follow: bool) -> tuple[list[Death], bool]:
    """Die all deaths, way by way; the second answer is whether the undisturbed ones that followed all went well."""
    deaths: list[Death] = []
    went_well = True
    for way, some in groupby(kills, key=lambda kill: kill.way):
        deaths += matrix.deaths(list(some))
        if follow:
            well = matrix.following()
            went_well = went_well and well
            click.echo(f"after {way}: the following one {'went well' if well else 'DID NOT GO WELL'}", err=True)
    return deaths, went_well


def possible(way: str, *, general: bool) -> bool:
    """Whether a way to die can be tried here, and on any product if it is to be ``general``; want of rights is said."""
    if WAYS[way].small_disk and not can_mount():
        click.echo(f"{way}: left out, only root can mount a small file system", err=True)
        return False
    return WAYS[way].general or not general


@contextmanager
def open_lanes(product: Product, lanes: int) -> Iterator[list[Lane]]:
    """Start a target for each lane."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        folders = [folder / str(number) for number in range(lanes)]
        for one in folders:
            one.mkdir()
        yield [Lane(stack.enter_context(staging(one)), product, one) for one in folders]


def print_table(deaths: Sequence[Death]) -> None:
    """Print the figures, how many came to their end before their death, and every death that left something amiss."""
    for line in table(deaths):
        click.echo(line)
    if late := sum(not death.died for death in deaths):
        click.echo(f"{late} had come to their end before they could be killed, and are not counted")
    for death in deaths:
        if not (death.restored and death.readable and death.ready):
            click.echo(f"NOT AS IT SHOULD BE: {death}")


if __name__ == "__main__":
    main()
