"""Whatever ends a drill before its time: switches go back, and what it saw is published."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from drills.attestation import verify
from drills.evidence.drill_record import DrillRecord
from drills.evidence.ledger import read_valid_prefix
from drills.evidence.records import ItemStarted, LedgerEntry, SwitchFlipped, Verdict
from drills.plugin.publishing import NOT_RESTORED, exit_code
from tests.functional.restore.kills.disk import can_mount
from tests.functional.restore.kills.lane import Kill, Lane
from tests.functional.restore.kills.target import Target
from tests.functional.restore.kills.victims import Drill as DrillProduct
from tests.functional.restore.kills.victims import DrillVictim
from tests.functional.restore.kills.ways import WAYS

NIGHTLY = pytest.mark.nightly
DRILL = (sys.executable, "-m", "drills")
PATIENCE_SECONDS = 60
KILLED_BY_WATCHDOG_SECONDS = 20


class Running:
    """A drill that is under way in a process group of its own."""

    def __init__(self, process: subprocess.Popen[str], state: Path, out: Path) -> None:
        self.process = process
        self.state = state
        self.out = out

    @property
    def run_id(self) -> str:
        """The name of its run folder."""
        (folder,) = (self.state / "khala-drills" / "runs").iterdir()
        return folder.name

    def entries(self) -> tuple[LedgerEntry, ...]:
        """What its ledger holds by now; the names of runs begin with their time."""
        ledgers = sorted((self.state / "khala-drills" / "runs").glob("*/ledger.jsonl"))
        return read_valid_prefix(ledgers[0]).entries if ledgers else ()

    def has_flipped(self, switch: str) -> bool:
        """Whether it has flipped a switch."""
        return any(isinstance(entry.fact, SwitchFlipped) and entry.fact.switch == switch for entry in self.entries())

    def record(self) -> DrillRecord:
        """The one record that was published."""
        (path,) = self.out.glob("*/drill.json")
        return DrillRecord.model_validate_json(path.read_bytes())


def wait(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until ``condition`` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # between two looks at another process


def command(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.run([*DRILL, *words], capture_output=True, text=True, env=environment, timeout=120, check=False)


@contextmanager
def running(staging: Any, tmp_path: Path, *words: str, profile: Path | None = None) -> Iterator[Running]:
    """Start a drill on the staging; whatever is left of it is killed in the end."""
    state, out = tmp_path / "state", tmp_path / "out"
    line = [*DRILL, "run", "--target", str(profile or staging.profile), "--out", str(out), *words]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    with subprocess.Popen(
        line, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True
    ) as process:
        try:
            yield Running(process, state, out)
        finally:
            process.kill()


@pytest.mark.parametrize("group", [pytest.param(False, marks=NIGHTLY), True], ids=["process", "group"])
def test_a_killed_drill_leaves_nothing_flipped_and_is_published_later(
    staging: Any,
    tmp_path: Path,
    group: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The watchdog puts the switches back; `drill report` publishes what the ledger holds, and says who did it."""
    before = staging.values()
    with running(staging, tmp_path, "-k", "web") as drill:
        wait(lambda: drill.has_flipped("web"))
        (os.killpg if group else os.kill)(drill.process.pid, signal.SIGKILL)
        drill.process.wait()
        wait(lambda: staging.values() == before, KILLED_BY_WATCHDOG_SECONDS)
        wait(lambda: not json.loads(command("restore", "--list", "--json", state=drill.state).stdout)["unresolved"])
        done = command("report", drill.run_id, "--out", str(drill.out), state=drill.state)
        record = drill.record()
    assert done.returncode == 130, done.stdout + done.stderr
    assert (record.outcome, record.verdict) == ("interrupted", Verdict.INCONCLUSIVE)
    assert record.restored is not None
    assert {switch.by for switch in record.restored.switches if switch.switch == "web"} == {"watchdog"}
    (folder,) = (path for path in drill.out.iterdir() if path.is_dir())
    verify(folder)


@pytest.mark.parametrize(
    ("way", "by"),
    [
        ("disk full", {"drill", "watchdog"}),
        ("pytest-timeout, signal", {"drill"}),
        pytest.param("pytest-timeout, thread", {"watchdog"}, marks=NIGHTLY),
        ("drill and watchdog at once", {"the target's lease"}),
    ],
)
def test_a_drill_that_dies_in_another_way_leaves_its_target_as_it_was(
    staging: Any, tmp_path: Path, way: str, by: set[str]
) -> None:
    """Struck with a flag flipped: it goes back, the ledger can be read, and nothing keeps the next drill from starting.

    `nox -s kill_drill` does the same in every way, at every step and at random moments.
    """
    if WAYS[way].small_disk and not can_mount():
        pytest.skip("only root can mount a small file system")
    # Only where nobody else is left is the lease waited for; elsewhere a slow machine must not let it run out first.
    waited_for = by == {"the target's lease"}
    with Target(_with_a_short_lease(staging.profile, tmp_path) if waited_for else staging.profile) as target:
        death = Lane(target, DrillProduct(), tmp_path).kill(Kill(way, "web", step=4))
    assert (death.died, death.restored, death.readable, death.ready) == (True, True, True, True)
    assert death.by in by


def _with_a_short_lease(profile: Path, folder: Path) -> Path:
    short = folder / "short.toml"
    short.write_text(re.sub(r"(?m)^lease_seconds = \d+$", "lease_seconds = 5", profile.read_text()))
    assert "lease_seconds = 5\n" in short.read_text()
    return short


def test_restore_publishes_what_a_killed_drill_had_seen(staging: Any, tmp_path: Path) -> None:
    """It goes to where the drill itself would have published, once."""
    with running(staging, tmp_path, "-k", "web") as drill:
        wait(lambda: any(isinstance(entry.fact, ItemStarted) for entry in drill.entries()))
        drill.process.kill()
        drill.process.wait()
        assert "published what drill" in command("restore", state=drill.state).stderr
        assert drill.record().outcome == "interrupted"
        assert "published" not in command("restore", state=drill.state).stderr


def test_what_is_abandoned_is_reported_as_never_put_back(short_lived_staging: Any, tmp_path: Path) -> None:
    """With drill, watchdog and target gone, one command closes the matter, and the report hides nothing of it."""
    with running(short_lived_staging, tmp_path, "-k", "web") as drill:
        wait(lambda: drill.has_flipped("web"))
        WAYS["drill and watchdog at once"].blow(DrillVictim(drill.process, tmp_path))
        drill.process.wait()
        short_lived_staging.end()
        done = command("restore", "--abandon", drill.run_id, state=drill.state)
        left = command("restore", "--list", state=drill.state)
        record = drill.record()
        (report,) = (path for path in drill.out.glob("*.md") if path.name != "README.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "web is abandoned, and may stand at 'true'" in done.stderr
    assert left.stdout.strip() == "nothing is left to put back"
    assert (record.is_restored, exit_code(record)) == (False, NOT_RESTORED)
    assert "web may stand at" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, marks=NIGHTLY), signal.SIGTERM, pytest.param(signal.SIGHUP, marks=NIGHTLY)],
    ids=lambda number: number.name,
)
def test_a_signal_ends_a_drill_in_order(staging: Any, tmp_path: Path, number: signal.Signals) -> None:
    """Switches are back when the process is gone, the report is published, and items that were not run say so."""
    before = staging.values()
    with running(staging, tmp_path, "-k", "web or rollback") as drill:
        wait(lambda: drill.has_flipped("web"))
        os.kill(drill.process.pid, number)
        assert drill.process.wait(PATIENCE_SECONDS) == 130
        assert staging.values() == before
        record = drill.record()
    assert (record.outcome, record.outcome_reason) == ("interrupted", number.name)
    assert {item.id: item.verdict for item in record.checklist}["rollback"] is Verdict.NOT_RUN
    assert record.restored is not None
    assert all(switch.restored for switch in record.restored.switches)


def test_a_second_drill_is_told_who_holds_the_target(staging: Any, run_drill: Any, tmp_path: Path) -> None:
    """Exit code 2, the holder's drill and process, and the command to take over; the first drill goes on."""
    with running(staging, tmp_path) as drill:
        wait(lambda: drill.has_flipped("parity-auditor"))
        second = run_drill("--target", str(staging.profile), out=tmp_path / "second", state=drill.state)
        assert second.code == 2, second.output
        assert f"pid {drill.process.pid}" in second.output
        assert "drill restore --force-unlock" in second.output
        wait(lambda: drill.has_flipped("web"))
        os.kill(drill.process.pid, signal.SIGINT)
        output, _ = drill.process.communicate(timeout=PATIENCE_SECONDS)
    assert "PASS         §5.1" in output


def test_a_drill_on_another_host_is_taken_over_with_the_command_that_the_second_one_is_told(
    staging: Any, run_drill: Any, tmp_path: Path
) -> None:
    """The target goes back to the first drill's baseline by itself, and the first drill flips nothing more."""
    before, short = staging.values(), _with_a_short_lease(staging.profile, tmp_path)
    with running(staging, tmp_path, "-k", "web or rollback", profile=short) as drill:
        wait(lambda: drill.has_flipped("web"))
        second = run_drill("--target", str(short), out=tmp_path / "second", state=tmp_path / "another host")
        assert second.code == 2, second.output
        (words,) = re.findall(r"`drill (restore --force-unlock .+)`", second.output)
        done = command(*words.split(), state=tmp_path / "another host")
        assert (done.returncode, staging.values()) == (0, before), done.stderr
        assert f"taken: drill {drill.run_id}" in done.stderr
        assert drill.process.wait(PATIENCE_SECONDS) not in {0, 130}
        assert staging.values() == before
        verdicts = {item.id: item.verdict for item in drill.record().checklist}
    assert verdicts["rollback"] is not Verdict.PASS


@pytest.mark.parametrize("interrupted", [False, pytest.param(True, marks=NIGHTLY)], ids=["alone", "and a signal"])
def test_a_drill_whose_browser_is_gone_puts_everything_back_and_publishes(
    staging: Any,
    tmp_path: Path,
    interrupted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """No flag depends on a browser; what could not be observed without one is not called restored."""
    before = staging.values()
    with running(staging, tmp_path, "-k", "web") as drill:
        wait(lambda: drill.has_flipped("web"))
        children = psutil.Process(drill.process.pid).children()
        (driver,) = (child for child in children if "run-driver" in child.cmdline())
        driver.kill()
        if interrupted:
            drill.process.terminate()
        output, _ = drill.process.communicate(timeout=PATIENCE_SECONDS)
        assert staging.values() == before
        assert drill.process.returncode == NOT_RESTORED, output
        record = drill.record()
    assert record.restored is not None
    (web,) = (switch for switch in record.restored.switches if switch.switch == "web")
    assert (web.final, web.by, web.restored) == ("false", "drill", False)
    assert web.verified.startswith("effect not seen: web does not open")
    (folder,) = (path for path in drill.out.iterdir() if path.is_dir())
    verify(folder)
