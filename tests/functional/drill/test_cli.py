"""The ``drill`` command as a user types it: exit codes, words, and nothing touched by a mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRILL = (sys.executable, "-m", "drills")


def drill(*words: str, state: Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "NO_COLOR": "1"}
    return subprocess.run(
        [*DRILL, *words], capture_output=True, text=True, env=environment, timeout=120, cwd=cwd, check=False
    )


def test_a_profile_that_is_wrong_ends_with_2_before_anything_is_touched(tmp_path: Path) -> None:
    """All mistakes are told, and no run folder is left."""
    (tmp_path / "bad.toml").write_text('name = "A B"\nenvironment = "laptop"\n', encoding="utf-8")
    done = drill(
        "run", "--target", str(tmp_path / "bad.toml"), "--out", str(tmp_path / "out"), state=tmp_path / "state"
    )
    assert done.returncode == 2
    assert "name (line 1):" in done.stdout + done.stderr
    assert "environment (line 2):" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "absent.toml"), "absent.toml cannot be read"),
        (("--fault", "no-such-fault"), "no-such-fault"),
        (("-k", "no_such_scenario"), ""),
    ],
    ids=["profile", "fault", "selection"],
)
def test_a_drill_that_cannot_begin_ends_with_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """What was typed is wrong, and the exit code says so."""
    done = drill("run", *words, "--out", str(tmp_path / "out"), state=tmp_path / "state", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_an_item_without_a_scenario_is_refused(staging: Any, tmp_path: Path) -> None:
    """Adding an item to the runbook's TOML is not enough: a drill that would not do it does not start."""
    shipped = Path(__file__).parents[3] / "drills" / "runbook" / "khala_cutover.toml"
    extra = '\n[[checklist]]\nid = "extra"\ntitle = "Do something more"\nsource = "§5.7"\n'
    (tmp_path / "runbook.toml").write_text(shipped.read_text(encoding="utf-8") + extra, encoding="utf-8")
    profile = staging.profile.read_text(encoding="utf-8")
    changed = profile.replace('"khala_cutover"', f'"{tmp_path / "runbook.toml"}"')
    assert changed != profile
    (tmp_path / "staging.toml").write_text(changed, encoding="utf-8")
    done = drill("run", "--target", str(tmp_path / "staging.toml"), "--out", str(tmp_path / "out"), state=staging.state)
    assert done.returncode == 2
    assert "checklist 'extra' of the runbook has no scenario" in done.stdout + done.stderr


def test_restore_has_nothing_to_do_after_an_orderly_end(tmp_path: Path) -> None:
    """Listing is machine-readable, and repeating is safe."""
    assert json.loads(drill("restore", "--list", "--json", state=tmp_path).stdout) == {"unresolved": []}
    for _ in range(2):
        done = drill("restore", state=tmp_path)
        assert (done.returncode, done.stdout.strip()) == (0, "nothing was left to put back")


def test_a_lease_that_nobody_holds_cannot_be_taken(tmp_path: Path) -> None:
    """The answer names the drill and says what to type."""
    done = drill("restore", "--force-unlock", "drill-0", state=tmp_path)
    assert done.returncode == 2
    assert "drill-0" in done.stderr
    assert "drill restore --list" in done.stderr


def test_a_target_is_named_for_the_lease_of_a_drill_alone(tmp_path: Path) -> None:
    """Without a drill there is nothing to take there, and nothing is put back by mistake."""
    done = drill("restore", "--target", "staging.toml", state=tmp_path)
    assert done.returncode == 2
    assert "name the drill too" in done.stderr


def test_a_report_of_an_unknown_run_says_where_runs_are(tmp_path: Path) -> None:
    """Exit code 2, and the folder to look into."""
    done = drill("report", "absent", state=tmp_path)
    assert (done.returncode, "there is no run absent" in done.stderr) == (2, True)


def test_doctor_looks_at_the_machine_and_at_the_target(staging: Any) -> None:
    """A target that is up has its switches, token and metrics found."""
    done = drill("doctor", "--target", str(staging.profile), state=staging.state, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stdout
    for what in (
        "browser",
        "git",
        "disk",
        "profile",
        "switch web: false",
        "authority",
        "sync token",
        "metrics",
        "clock",
        "surface",
    ):
        assert f"ok   {what}" in done.stdout


def test_doctor_says_what_to_type_when_nobody_answers(staging: Any, tmp_path: Path) -> None:
    """A target that is away is a miss with a remedy, not a traceback."""
    # No process of this suite listens on port 1.
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", staging.profile.read_text(encoding="utf-8"))
    (tmp_path / "away.toml").write_text(text, encoding="utf-8")
    done = drill("doctor", "--target", str(tmp_path / "away.toml"), state=staging.state)
    assert done.returncode == 2
    assert "MISS switches" in done.stdout
    assert "MISS metrics" in done.stdout


def test_the_matrix_names_every_fault_with_its_catchers(tmp_path: Path) -> None:
    """Both for people and for programs."""
    rows = json.loads(drill("matrix", "--json", state=tmp_path).stdout)["faults"]
    assert {"fault": "auditor-silent", "caught_by": ["item parity-auditor"]} in rows
    assert all(row["caught_by"] for row in rows)
    assert "khala-drop" in drill("matrix", state=tmp_path).stdout


def test_staging_up_prints_its_addresses_and_ends_when_asked(tmp_path: Path) -> None:
    """People read a table and a command to go on with; SIGTERM ends it in order."""
    words = [*DRILL, "staging", "up", "--profile", str(tmp_path / "staging.toml")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(20) == 0
    assert "up" in lines[0]
    assert "drill run --target" in rest
    assert (tmp_path / "staging.toml").exists()
