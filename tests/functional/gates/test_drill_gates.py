"""``drill gates``: the verdict of now, from each kind of source, for people and for programs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from drills.clock import FrozenClock
from drills.evidence.records import Verdict
from drills.rollout.gates_now import GatesNow, lookout
from tests.functional.gates.conftest import DRILL, RunDrill, WriteProfile

FIGURES = {
    "parity-mismatch-rate": 0.0,
    "khala-missing": 0.0,
    "lag-drift": 0.0,
    "replay-catch-up": 95.0,
    "stale-cursor-rate": 0.0,
}


def test_a_server_and_a_file_give_the_same_verdicts(
    prometheus_url: str, history: Path, end: datetime, write_profile: WriteProfile
) -> None:
    """An hour that went well, asked of a real Prometheus and read from a file: the same gates, figure by figure."""
    server = write_profile(f'kind = "prometheus"\nurl = "{prometheus_url}"\ninterval_seconds = 15')
    with lookout(str(server), None, None, FrozenClock(end)) as out:
        asked = out.look()
    with lookout(str(server), history, None, FrozenClock(end)) as out:
        read = out.look()

    assert {gate.id: gate.observed for gate in asked.gates} == FIGURES
    assert asked.verdict is Verdict.PASS
    assert read.gates == asked.gates
    assert (read.judged_at, read.source) == (end, "samples.om")


def test_a_file_is_judged_at_its_last_sample(drill: RunDrill, history: Path, write_profile: WriteProfile) -> None:
    """People read a table with the figures and reasons; the exit code is the worst verdict."""
    profile = write_profile('kind = "scrape"\nurl = "http://127.0.0.1:9/metrics"')
    done = drill("gates", "--samples", str(history), "--target", str(profile))

    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("PASS  ")] == [
        "embedded",
        *("§3.1", "§3.2", "§3.3", "§3.4", "§3.5"),
    ]
    assert "1 h of 1 h" in done.stdout
    assert "95 ms" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_file_needs_no_target_but_thresholds_do(drill: RunDrill, history: Path) -> None:
    """Three gates need no profile; the two whose limits a profile sets name the setting."""
    done = drill("gates", "--samples", str(history), "--json")
    judged = GatesNow.model_validate_json(done.stdout)
    verdicts = {gate.id: gate.verdict for gate in judged.gates}

    assert done.exit_code == 10
    assert verdicts == dict.fromkeys(FIGURES, Verdict.PASS) | {
        "replay-catch-up": Verdict.INCONCLUSIVE,
        "stale-cursor-rate": Verdict.INCONCLUSIVE,
    }
    assert "'lane-target-ms'" in judged.gates[3].reason


def test_a_source_that_refuses_is_inconclusive_and_says_why(drill: RunDrill, write_profile: WriteProfile) -> None:
    """Nobody there is not green, and the way out is beside it."""
    profile = write_profile('kind = "prometheus"\nurl = "http://127.0.0.1:9"\ninterval_seconds = 15')
    done = drill("gates", "--target", str(profile), "--json")
    judged = json.loads(done.stdout)

    assert (done.exit_code, judged["verdict"]) == (10, "INCONCLUSIVE")
    assert (
        "no samples were taken: http://127.0.0.1:9/api/v1/query does not give metrics" in judged["gates"][0]["reason"]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "drill staging up --profile"),
        (("--samples", "none.om"), "none.om cannot be read"),
        (("--samples", "none.om", "--runbook", "none.toml"), "none.toml"),
        (("--target", "none.toml"), "none.toml cannot be read"),
    ],
    ids=["embedded", "file", "runbook", "target"],
)
def test_what_cannot_be_looked_at_is_refused_with_the_next_step(
    drill: RunDrill, words: tuple[str, ...], said: str
) -> None:
    """A wrong word ends the command before anything is judged."""
    done = drill("gates", *words)

    assert done.exit_code in {2, 10}
    assert said in done.stderr
    assert done.stdout == ""


def test_a_file_is_not_watched(drill: RunDrill, history: Path) -> None:
    """It does not change."""
    done = drill("gates", "--samples", str(history), "--watch")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "drop --watch" in done.stderr


class Cutover:
    """A ``/metrics`` page of a cutover whose cycles go on at each look; ``bad`` of the documents do not match."""

    def __init__(self) -> None:
        self.cycles, self.bad = 0, 0
        self.mismatches = 0

    def page(self) -> str:
        """Return the page, one cycle later."""
        self.cycles += 1
        self.mismatches += self.bad
        prefix = "openagents_runtime_sync"
        buckets = "".join(
            f'{prefix}_parity_entity_abs_lag_drift_bucket{{le="{le}"}} {self.cycles * 100}\n'
            f'{prefix}_replay_catchup_duration_ms_bucket{{status="ok",le="{le}"}} {self.cycles * 9}\n'
            for le in ("0.5", "+Inf")
        )
        return (
            f"{prefix}_parity_cycle_mismatches_sum {self.mismatches}\n"
            f"{prefix}_parity_cycle_sampled_sum {self.cycles * 100}\n"
            f"{prefix}_parity_cycle_count_total {self.cycles}\n"
            f'{prefix}_replay_catchup_duration_ms_count{{status="ok"}} {self.cycles * 9}\n{buckets}'
        )


@contextmanager
def serving(cutover: Cutover) -> Iterator[str]:
    """Serve the page and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the page."""
            body = cutover.page().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def scraped(write_profile: WriteProfile) -> Iterator[tuple[Cutover, Path]]:
    """A cutover that goes well, and the profile by which it is scraped."""
    cutover = Cutover()
    with serving(cutover) as url:
        profile = write_profile(f'kind = "scrape"\nurl = "{url}"\ninterval_seconds = 0.2', rehearsal=True)
        profile.write_text(profile.read_text().replace("window_seconds = 20", "window_seconds = 5"))
        yield cutover, profile


def test_watching_goes_on_until_it_is_ended_and_ends_with_the_last_verdict(scraped: tuple[Cutover, Path]) -> None:
    """Inconclusive until the windows are full, then green, then red as soon as documents do not match."""
    cutover, profile = scraped
    words = [*DRILL, "gates", "--target", str(profile), "--watch", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(json.loads(line)["verdict"])
            if seen[-1] == "PASS":
                cutover.bad = 50
            if seen[-1] == "FAIL":
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()

    assert list(dict.fromkeys(seen)) == ["INCONCLUSIVE", "PASS", "FAIL"]
    assert process.returncode == 1


def test_a_scraped_target_is_watched_before_it_is_judged(scraped: tuple[Cutover, Path]) -> None:
    """Who asks a page without a memory is told how long it takes; who does not wait gets no verdict."""
    words = [*DRILL, "gates", "--target", str(scraped[1])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        judged = process.stdout.read()

    assert "remembers nothing: watching it for 5.4 s" in said
    assert (judged, process.returncode) == ("", 130)


def test_a_terminal_shows_a_live_table(scraped: tuple[Cutover, Path]) -> None:
    """The table is drawn anew in place; without colours where nobody wants them."""
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "CI"}}
    coloured, plain = Terminal(scraped[1], clean), Terminal(scraped[1], clean | {"NO_COLOR": "1"})

    for terminal in (coloured, plain):
        screen, code = terminal.two_tables()
        assert code == 10
        assert b"\x1b[1A" in screen
        assert (b"\x1b[33m" in screen) is (terminal is coloured)


class Terminal:
    """A terminal in which gates are watched."""

    def __init__(self, profile: Path, environment: dict[str, str]) -> None:
        words = [*DRILL, "gates", "--target", str(profile), "--watch"]
        self._screen, inside = pty.openpty()
        environment = environment | {"TERM": "xterm-256color", "COLUMNS": "120"}
        self._process = subprocess.Popen(words, stdin=inside, stdout=inside, stderr=inside, env=environment)
        os.close(inside)

    def two_tables(self) -> tuple[bytes, int]:
        """Return what was on the screen until the second table, and how the command ended when it was told to."""
        shown = b""
        while shown.count(b"verdict") < 2:
            shown += os.read(self._screen, 65536)
        self._process.send_signal(signal.SIGTERM)
        drain(self._screen)
        os.close(self._screen)
        return shown, self._process.wait()


def drain(outside: int) -> None:
    """Read until the other side is gone."""
    try:
        while os.read(outside, 65536):
            pass
    except OSError:
        return
