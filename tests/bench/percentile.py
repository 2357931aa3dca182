"""How fast the p95 of 10⁷ raw samples is, beside numpy's partition: ``python -m tests.bench.percentile``.

Both work on the same numbers in one run; the peak is what each needs beyond the numbers themselves.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import click
import numpy as np

from drills.verdict.quantiles import percentile

COUNT, ROUNDS, Q = 10_000_000, 7, 0.95
#: The aim of the project, on an idle machine.
WANTED_RATIO = 1.2


def main() -> None:
    """Print the time and the peak memory of both, and their ratio."""
    values = np.random.default_rng(7).lognormal(3.0, 1.0, COUNT)
    rank = int(Q * (COUNT - 1))
    click.echo(f"p95 of {COUNT:,} raw samples ({values.nbytes / 1e6:.0f} MB); best of {ROUNDS}")
    plain, ours = best_of_both(lambda: np.partition(values, rank), lambda: percentile(values, Q))
    say("numpy.partition", plain, lambda: np.partition(values, rank))
    say("drill", ours, lambda: percentile(values, Q))
    click.echo(f"  ratio {ours / plain:.2f} (aim {WANTED_RATIO})")


def best_of_both(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the shortest time of each; they take turns, so that a busy moment of the machine meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, taken in zip((first, second), times, strict=True):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    return min(times[0]), min(times[1])


def say(name: str, seconds: float, work: Callable[[], object]) -> None:
    """Print one line."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    click.echo(f"  {name:<20}{seconds * 1000:>8.1f} ms{peak / 1e6:>8.0f} MB beyond them")


if __name__ == "__main__":
    main()
