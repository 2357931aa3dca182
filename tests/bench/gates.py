"""How fast gates are judged, beside a Prometheus that answers the same: ``python -m tests.bench.gates``.

An hour at one second of 100 counters, and of 100 histograms of twelve buckets. One window is what an alert rule asks
for; ten minutes rolling, a point each minute, is what a gate is. Ours is timed with the samples in memory, the server's
with its block in the page cache. The ratios of one run are what counts; absolute times are this machine's, on this day.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click
import httpx2
import numpy as np
from numpy.typing import NDArray

from drills.evidence.records import Samples, Series
from drills.runbook.model import Gate
from drills.verdict.gates import judge_gate, rolling
from drills.verdict.recording import Recording, laid_out
from tests.functional.history import free_port, serving

#: The aim of the project, on an idle machine.
WANTED_RATIO = 0.2
ROUNDS, INSTANCES, SECONDS, ROLLING, STEP = 7, 100, 3600, 600, 60
BOUNDS = ("5.0", "10.0", "25.0", "50.0", "100.0", "250.0", "500.0", "1000.0", "2500.0", "5000.0", "10000.0", "+Inf")
#: The moment of the last sample, a while ago, so that it lies inside a finished block.
END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Question:
    """One question, as a gate's measure and in PromQL, where ``{window}`` stands for the seconds of the window."""

    title: str
    measure: dict[str, object]
    promql: str

    def gate(self, window: int) -> Gate:
        """Return the gate that asks it of ``window`` seconds."""
        objective = {"kind": "comparison", "relation": "<", "threshold": 1e18}
        rest = {"id": "bench", "title": "A gate", "source": "§3", "unit": "", "window_seconds": window}
        enough = {"minimum_coverage": 0.9, "minimum_samples": 1}
        return Gate.model_validate({**rest, **enough, "measure": self.measure, "objective": objective})


QUESTIONS = (
    Question(
        "increase of 100 counters",
        {"kind": "increase", "of": {"metric": "done"}},
        "sum(increase(done_total[{window}s]))",
    ),
    Question(
        "p95 of 100 histograms",
        {"kind": "quantile", "q": 0.95, "of": {"metric": "took", "part": "bucket"}},
        "histogram_quantile(0.95, sum by (le) (increase(took_bucket[{window}s])))",
    ),
)


def main() -> None:
    """Print our time, the server's, and the ratio, for each question."""
    dice = np.random.default_rng(7)
    samples = recorded([*counters(dice), *histograms(dice)])
    laying, recording = best(lambda: laid_out(samples), rounds=1)
    click.echo(f"gates over 1 h at 1 s, {len(samples.series):,} series; best of {ROUNDS}")
    click.echo(f"  {'':<52}{'drill':>10}{'prometheus':>12}{'ratio':>8}  (aim {WANTED_RATIO})")
    with tempfile.TemporaryDirectory() as home, prometheus(Path(home), samples.series) as server:
        for question in QUESTIONS:
            compare_window(question, recording, server)
            compare_rolling(question, recording, server)
    click.echo(f"  laying the samples out, once for all gates: {laying * 1000:.0f} ms")
    click.echo(f"  peak memory of the drill's side: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def compare_window(question: Question, recording: Recording, server: httpx2.Client) -> None:
    """Print how long both take to say what the last hour was; stop where they do not say the same."""
    gate, promql = question.gate(SECONDS), question.promql.format(window=SECONDS)
    ours, here = best(lambda: judged(gate, recording))
    theirs, answer = best(lambda: ask(server, "query", query=promql, time=END.timestamp()))
    there = float(answer[0]["value"][1])
    assert abs(here - there) <= WANTED_RATIO * 0.01 * abs(there), f"{here} is not {there}"
    say(f"{question.title}, one window", ours, theirs)


def compare_rolling(question: Question, recording: Recording, server: httpx2.Client) -> None:
    """Print how long both take to follow ten minutes over the hour."""
    gate, promql = question.gate(ROLLING), question.promql.format(window=ROLLING)
    ours, _ = best(lambda: rolling(gate, recording, disturbances=(), step_seconds=STEP))
    start = END - timedelta(seconds=SECONDS - ROLLING)
    span = {"start": start.timestamp(), "end": END.timestamp(), "step": STEP}
    theirs, _ = best(lambda: ask(server, "query_range", query=promql, **span))
    say(f"{question.title}, 10 min rolling by the minute", ours, theirs)


def say(title: str, ours: float, theirs: float) -> None:
    """Print one line."""
    click.echo(f"  {title:<52}{ours * 1000:>7.1f} ms{theirs * 1000:>9.1f} ms{ours / theirs:>8.2f}")


def best(work: Callable[[], Result], rounds: int = ROUNDS) -> tuple[float, Result]:
    """Return the shortest time that ``work`` took, and what it returned."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begun)
    return min(times), result


def judged(gate: Gate, recording: Recording) -> float:
    """Return the value of the window that ends with the samples."""
    verdict = judge_gate(
        gate, recording, settings={}, disturbances=(), period=(END, END), rehearsal_window_seconds=None
    )
    assert verdict.observed is not None, verdict.reason
    return verdict.observed


def ask(server: httpx2.Client, path: str, **params: str | float) -> list[dict[str, list[str]]]:
    """Return what the server answers."""
    answer = server.get(path, params=params).raise_for_status()
    result: list[dict[str, list[str]]] = answer.json()["data"]["result"]
    return result


def counters(dice: np.random.Generator) -> list[Series]:
    """Return a counter of each instance."""
    return [series("done_total", instance, {}, dice.integers(0, 100, SECONDS + 1)) for instance in range(INSTANCES)]


def histograms(dice: np.random.Generator) -> list[Series]:
    """Return the buckets of a histogram of each instance; nothing lies beyond the largest bound."""
    found = []
    for instance in range(INSTANCES):
        gains = np.cumsum(dice.integers(0, 5, (len(BOUNDS), SECONDS + 1)), axis=0)
        gains[-1] = gains[-2]
        found += [series("took_bucket", instance, {"le": le}, gains[at]) for at, le in enumerate(BOUNDS)]
    return found


def series(metric: str, instance: int, labels: dict[str, str], gains: NDArray[np.int64]) -> Series:
    """Return a counter that gains ``gains``, second by second."""
    begin = END.timestamp() - SECONDS
    times = tuple(begin + second for second in range(SECONDS + 1))
    values = tuple(map(float, np.cumsum(gains)))
    return Series(metric=metric, labels={"instance": f"{instance:03}", **labels}, times=times, values=values)


def recorded(found: Sequence[Series]) -> Samples:
    """Return the samples as a source delivers them."""
    start = END - timedelta(seconds=SECONDS)
    return Samples(source="bench", started_at=start, finished_at=END, interval_seconds=1, series=tuple(found))


@contextmanager
def prometheus(home: Path, found: Sequence[Series]) -> Iterator[httpx2.Client]:
    """Run a Prometheus over the same samples."""
    with (home / "samples.om").open("w") as stream:
        for one in found:
            labels = ",".join(f'{name}="{value}"' for name, value in one.labels.items())
            for moment, value in zip(one.times, one.values, strict=True):
                stream.write(f"{one.metric}{{{labels}}} {value:.0f} {moment:.0f}\n")
        stream.write("# EOF\n")
    (home / "prometheus.yml").write_text("global: {}\n")
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "samples.om", "data"]
    subprocess.run(backfill, cwd=home, check=True, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    with (
        serving(home, address),
        httpx2.Client(base_url=f"http://{address}/api/v1/", trust_env=False, timeout=120) as client,
    ):
        yield client


if __name__ == "__main__":
    main()
