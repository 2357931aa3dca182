"""Metrics of an hour and of a day that have passed, in a real Prometheus and as an OpenMetrics file."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from random import Random

BOUNDS = ("10.0", "50.0", "250.0", "1000.0", "+Inf")


#: What the cutover's gates look at: family, kind, and of each series its part, labels, and gain from scrape to scrape.
CUTOVER = (
    ("sync_parity_cycle_mismatches", "summary", (("_count", "", 1), ("_sum", "", 0))),
    ("sync_parity_cycle_sampled", "summary", (("_count", "", 1), ("_sum", "", 200))),
    ("sync_parity_cycle_count", "counter", (("_total", "", 1),)),
    (
        "sync_parity_entity_abs_lag_drift",
        "histogram",
        (
            *(("_bucket", f',le="{bound}"', 200) for bound in ("0.0", "1.0", "+Inf")),
            ("_count", "", 200),
            ("_sum", "", 0),
        ),
    ),
    (
        "sync_replay_catchup_duration_ms",
        "histogram",
        (
            *(("_bucket", f',status="ok",le="{bound}"', 7) for bound in ("100.0", "500.0", "+Inf")),
            ("_count", ',status="ok"', 7),
            ("_sum", ',status="ok"', 350),
        ),
    ),
)


@dataclass(frozen=True)
class Span:
    """A stretch of backfilled data: its ``job`` label, how long it is, and how far apart its scrapes are."""

    job: str
    seconds: int
    interval: int

    @property
    def promql(self) -> dict[str, str]:
        """The questions that PromQL answers as the measures do, over the whole span."""
        chosen = f'{{job="{self.job}"}}[{self.seconds}s]'
        return {
            "increase": f"sum(increase(bad_total{chosen}))",
            "rate": f"sum(rate(bad_total{chosen}))",
            "ratio": f"sum(increase(bad_total{chosen})) / sum(increase(all_total{chosen}))",
            "quantile": f"histogram_quantile(0.95, sum by (le) (increase(took_bucket{chosen})))",
        }


HOUR = Span("hour", 3600, 15)
DAY = Span("day", 86_400, 300)
SPANS = (HOUR, DAY)


def counter(dice: Random, span: Span, most: int, restart: int | None) -> list[int]:
    """Return what a busy counter shows at each scrape; it starts anew at scrape ``restart``."""
    gains = [5000, *(dice.randint(0, most) for _ in range(span.seconds // span.interval))]
    shown = accumulate(enumerate(gains), lambda total, at: at[1] + (0 if at[0] == restart else total), initial=0)
    return list(shown)[1:]


def scrapes(span: Span) -> dict[str, list[int]]:
    """Return what each series of ``span`` shows: three instances, one of which restarts on the way."""
    dice, found = Random(f"{span.job}"), {}  # noqa: S311 - made-up measurements, not secrets
    for instance in "abc":
        restart = span.seconds // span.interval // 2 if instance == "b" else None
        labels = f'job="{span.job}",instance="{instance}"'
        buckets = [counter(dice, span, most, restart) for most in (30, 12, 6, 3, 1)]
        found[f"bad_total{{{labels}}}"] = counter(dice, span, 2, restart)
        found[f"all_total{{{labels}}}"] = counter(dice, span, 100, restart)
        for index, bound in enumerate(BOUNDS):
            upto = [sum(column) for column in zip(*buckets[: index + 1], strict=True)]
            found[f'took_bucket{{{labels},le="{bound}"}}'] = upto
        for part in ("count", "sum"):
            found[f"took_{part}{{{labels}}}"] = [sum(column) for column in zip(*buckets, strict=True)]
    return found


def openmetrics(end: datetime) -> str:
    """Write all spans, ending at ``end``, and a counter that is born half-way, as OpenMetrics."""
    lines: dict[str, list[str]] = {"bad": [], "all": [], "took": [], "born": []}
    for span in SPANS:
        begin = int(end.timestamp()) - span.seconds
        for name, values in scrapes(span).items():
            family = name.split("{")[0].rsplit("_", 1)[0]
            lines[family] += [f"{name} {value} {begin + at * span.interval}" for at, value in enumerate(values)]
    half = int(end.timestamp()) - HOUR.seconds // 2
    lines["born"] = [f'born_total{{job="hour",instance="a"}} 7 {half + at * 15}' for at in range(121)]
    kinds = {"bad": "counter", "all": "counter", "took": "histogram", "born": "counter"}
    text = "".join(f"# TYPE {family} {kind}\n" + "\n".join(lines[family]) + "\n" for family, kind in kinds.items())
    return text + cutover(end) + "# EOF\n"


def cutover(end: datetime) -> str:
    """Write an hour in which the cutover went well: every gate of the runbook has what it needs."""
    begin, steps = int(end.timestamp()) - HOUR.seconds, HOUR.seconds // HOUR.interval
    return "".join(
        f"# TYPE openagents_runtime_{family} {kind}\n"
        + "".join(
            f'openagents_runtime_{family}{part}{{job="runtime",instance="a"{labels}}} {step * pace} '
            f"{begin + step * HOUR.interval}\n"
            for step in range(steps + 1)
            for part, labels, pace in parts
        )
        for family, kind, parts in CUTOVER
    )


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(home: Path, address: str) -> Iterator[None]:
    """Run the server in ``home`` and go on when it says that it is ready."""
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=30d"]
    command = ["prometheus", *options, f"--web.listen-address={address}"]
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            assert any("Server is ready" in line for line in server.stderr), "Prometheus ended before it was ready"
            yield
        finally:
            server.terminate()
