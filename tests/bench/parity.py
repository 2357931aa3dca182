"""How fast the drill's own parity audit is: ``python -m tests.bench.parity [documents]``.

Every figure is a median in documents a second of one core, from SQLite bytes that are in the page cache already. The
limits beside it were taken in the same run: reading alone, reading and SHA-256 alone, and encoding everything anew.
The audit runs on PostgreSQL too, where that is installed, beside ``reladiff`` on the same tables, which compares only
keys and versions, and cannot hash documents; it refuses SQLite.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
from sqlalchemy import create_engine, insert, text

from drills.canonical import encode, summary_hash
from drills.clock import SYSTEM_CLOCK
from drills.staging.store import Store, checkpoints, read_models
from drills.target.fields import SecretReference
from drills.target.parity import statements
from drills.target.parity.audit import ParityAudit, open_database
from drills.target.parity.settings import HashScheme, ParitySettings
from tests.real_staging.postgres import cluster

DOCUMENTS = 1_000_000
POSTGRES = "/usr/lib/postgresql"
#: The aims of the project, on an idle machine.
WANTED_PER_SECOND, WANTED_MEGABYTES = 150_000, 100
ROUNDS, CHUNK = 5, 20_000
NOTE = "n" * 560
KEYS = {
    "held": "substr(document_id, 30)::varchar AS id, last_runtime_seq AS version FROM convex_projection_checkpoints",
    "read": "substr(doc_key, 30)::varchar AS id, doc_version AS version FROM sync_read_models",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured: documents a second, and the largest resident size of the process that did it."""

    name: str
    per_second: float
    megabytes: float

    def __str__(self) -> str:
        memory = "" if math.isnan(self.megabytes) else f"{self.megabytes:6.0f} MB"
        return f"  {self.name:<44}{self.per_second:>12,.0f}/s{memory}"


def summary(number: int, *, nested: bool) -> dict[str, object]:
    """Return a summary of 1 KB in the shape of the real ones; ``nested`` has an object before ``projected_at``."""
    return {
        "heartbeat_at": "2026-01-01T00:00:00.000000+00:00",
        "heartbeat_state": "fresh",
        "labels": {"region": "north", "weight": number / 7} if nested else "north",
        "latest_seq": number,
        "note": NOTE,
        "projected_at": "2026-01-01T00:00:00.000000+00:00",
        "projection_version": "runtime_summaries_v1",
        "repo": "example/project",
        "runtime_source": {"entity": "codex_worker", "id": f"worker-{number:07}", "seq": number},
        "status": "running",
        "title": f"Worker {number} does what workers do",
        "worker_id": f"worker-{number:07}",
    }


def rows(count: int, *, nested: bool) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """Yield checkpoint and read model of every document."""
    now = SYSTEM_CLOCK.now()
    for number in range(count):
        content = summary(number, nested=nested)
        name = f"runtime/codex_worker_summary:worker-{number:07}"
        yield (
            {
                "document_id": name,
                "projection_name": "codex_worker_summary",
                "entity_id": f"worker-{number:07}",
                "last_runtime_seq": number,
                "projection_version": "v1",
                "summary_hash": summary_hash(content),
                "updated_at": now,
            },
            {
                "doc_key": name,
                "topic": "runtime.codex_worker_summaries",
                "doc_version": number,
                "payload": encode(content),
                "payload_hash": "",
                "updated_at": now,
            },
        )


def fill(url: str, count: int, *, nested: bool = False) -> None:
    """Make both lanes of one database, with ``count`` documents that agree."""
    Store(url).create()
    engine = create_engine(url)
    waiting: list[tuple[dict[str, object], dict[str, object]]] = []
    with engine.begin() as connection:
        for pair in rows(count, nested=nested):
            waiting.append(pair)
            if len(waiting) == CHUNK or pair[0]["last_runtime_seq"] == count - 1:
                connection.execute(insert(checkpoints), [held for held, _ in waiting])
                connection.execute(insert(read_models), [read for _, read in waiting])
                waiting.clear()
        connection.execute(text("ANALYZE"))
    engine.dispose()


def audit_of(url: str, scheme: HashScheme = HashScheme.CANONICAL_JSON) -> ParityAudit:
    """Return the drill's audit of the database."""
    settings = ParitySettings(database=SecretReference(env="UNUSED"), hash_scheme=scheme)
    return ParityAudit(open_database(url, 600), settings)


def tasks(url: str) -> Mapping[str, Callable[[], object]]:
    """Return what is measured, by name: the audit, what no audit can be faster than, and what its short cut saves."""
    audit = audit_of(url)

    def each(use: Callable[[bytes], object]) -> Callable[[], object]:
        read = statements.every(audit.settings)
        return lambda: deque((use(row[5]) for row in audit.source.rows(read)), maxlen=0)

    return {
        "audit": audit.every,
        "rows read, nothing done": each(len),
        "rows read, stored bytes hashed (SHA-256)": each(lambda content: hashlib.sha256(content).digest()),
        "rows read, decoded, encoded anew, hashed": each(lambda content: summary_hash(orjson.loads(content))),
        "audit, Erlang terms": audit_of(url, HashScheme.ERLANG_TERM).every,
    }


def measure(url: str, name: str, count: int, rounds: int) -> Figure:
    """Return the median of documents a second of this process's own time, after one round to warm up."""
    task = tasks(url)[name]
    task()
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        task()
        taken.append(time.process_time() - begun)
    return Figure(name, count / statistics.median(taken), peak_megabytes())


def peak_megabytes() -> float:
    """Return the largest resident size of this process; what ``getrusage`` says includes that of its parent."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(peak[1]) / 1024 if peak else math.nan


def in_child(url: str, name: str, count: int, rounds: int = ROUNDS) -> Figure:
    """Return what a process of its own measures, whose memory is that of the task alone."""
    words = [sys.executable, "-m", "tests.bench.parity", "measure", url, name, str(count), str(rounds)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    per_second, peak = json.loads(done.stdout)
    return Figure(name, per_second, peak)


def on_sqlite(count: int) -> list[Figure]:
    """Measure everything on SQLite files of this moment."""
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as folder:
        flat, nested = (f"sqlite:///{folder}/{name}.sqlite" for name in ("flat", "nested"))
        fill(flat, count)
        fill(nested, count, nested=True)
        deep = in_child(nested, "audit", count)
        return [
            *(in_child(flat, name, count, 1 if "Erlang" in name else ROUNDS) for name in tasks(flat)),
            Figure("audit, an object before projected_at", deep.per_second, deep.megabytes),
        ]


def on_postgresql(count: int) -> list[Figure]:
    """Measure the audit on a PostgreSQL of this moment and, where it is installed, ``reladiff`` on the same tables."""
    with tempfile.TemporaryDirectory(prefix="khala-bench-") as folder, cluster(Path(folder) / "log") as postgres:
        url = postgres.create("lanes").replace("postgresql:", "postgresql+psycopg:")
        fill(url, count)
        begun = time.monotonic()
        audited = audit_of(url).every()
        clock = Figure("audit, by the clock", count / (time.monotonic() - begun), math.nan)
        figures = [in_child(url, "audit", count, 1), clock]
        if audited.mismatches or audited.compared != count:
            raise RuntimeError(f"the audit found {audited}")
        if reladiff := shutil.which("reladiff", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
            taken = seconds_of(reladiff, url, count)
            figures.append(Figure("reladiff of keys and versions, by the clock", count / taken, math.nan))
        return figures


def seconds_of(reladiff: str, url: str, count: int) -> float:
    """Return how long ``reladiff`` takes on copies made for it: one name for a column, no slash in keys."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for name, query in KEYS.items():
            connection.execute(text(f"CREATE TABLE {name} AS SELECT {query}"))
            connection.execute(text(f"ALTER TABLE {name} ADD PRIMARY KEY (id)"))
            connection.execute(text(f"ANALYZE {name}"))
    engine.dispose()
    plain = url.replace("postgresql+psycopg", "postgresql")
    begun = time.monotonic()
    words = [reladiff, plain, "held", plain, "read", "-k", "id", "-c", "version", "--stats"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    taken = time.monotonic() - begun
    if f"{count} rows in table A" not in done.stdout:  # it exits with 0 also when it did nothing
        raise RuntimeError(f"reladiff compared nothing: {done.stdout}{done.stderr}")
    return taken


def main(words: Sequence[str]) -> int:
    """Print the figures; 1 when the aim was missed."""
    if words[:1] == ["measure"]:
        url, name, size, rounds = words[1:]
        figure = measure(url, name, int(size), int(rounds))
        click.echo(json.dumps([figure.per_second, figure.megabytes]))
        return 0
    count = int(words[0]) if words else DOCUMENTS
    figures = on_sqlite(count)
    click.echo(f"{count:,} documents of 1 KB, SQLite, one core, page cache warm")
    for figure in figures:
        click.echo(str(figure))
    if Path(POSTGRES).exists():
        click.echo("the same on PostgreSQL: the drill's own time, and by the wall clock")
        for figure in on_postgresql(count):
            click.echo(str(figure))
    audit = figures[0]
    good = audit.per_second >= WANTED_PER_SECOND and audit.megabytes <= WANTED_MEGABYTES
    click.echo(f"aim {WANTED_PER_SECOND:,}/s in {WANTED_MEGABYTES} MB: {'met' if good else 'missed'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
