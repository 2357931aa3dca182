"""`drill init`: a profile from answers, which is right as it is and says what is left to do."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from drills.cli import main
from drills.runbook.load import load_runbook
from drills.target.profile import demand_fit, load_profile
from drills.target.profile.draft import SWITCH_KINDS

FLAGS = {
    "--name": "staging",
    "--environment": "staging",
    "--runtime-url": "https://runtime.example/",
    "--convex-url": "https://convex.example",
    "--metrics-url": "https://prometheus.example",
    "--dashboard-url": "https://grafana.example/d/parity",
    "--web-url": "https://admin.example/",
    "--mobile-url": "https://mobile.example/",
    "--desktop-debugger": "http://127.0.0.1:9222",
    "--client-switches": "unleash",
    "--runtime-switches": "http",
}


def init(path: Path, typed: str = "", **other: str) -> Result:
    flags = FLAGS | {f"--{name.replace('_', '-')}": value for name, value in other.items()} if not typed else {}
    return CliRunner().invoke(main, ["init", str(path), *(word for pair in flags.items() for word in pair)], typed)


@pytest.mark.parametrize("kind", SWITCH_KINDS)
def test_what_it_writes_is_a_profile_that_fits_the_runbook(kind: str, tmp_path: Path) -> None:
    """With every kind of switch; the schema beside it finds nothing to mark, and no secret is asked for."""
    path = tmp_path / "staging.toml"
    done = init(path, client_switches=kind, runtime_switches=kind)
    assert done.exit_code == 0, done.output
    demand_fit(load_profile(path), load_runbook(), "staging.toml")
    schema = json.loads((tmp_path / "target.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(tomllib.loads(path.read_text()))) == []
    assert path.read_text().startswith("#:schema ./target.schema.json\n")


def test_it_asks_for_what_no_flag_says(tmp_path: Path) -> None:
    """Questions have defaults where one is likely."""
    path = tmp_path / "staging.toml"
    answers = [word for name, word in FLAGS.items() if name.endswith("-url")]
    done = init(path, "\n\n" + "\n".join(answers) + "\n\n\n\n")
    assert done.exit_code == 0, done.output
    assert load_profile(path).khala.socket_url == "wss://runtime.example/sync/socket/websocket"
    assert f"drill doctor --target {path}" in done.output


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    """Exit code 2, and the file is as it was."""
    path = tmp_path / "staging.toml"
    path.write_text("mine")
    done = init(path)
    assert (done.exit_code, path.read_text(), "is there already" in done.output) == (2, "mine", True)
    assert [found.name for found in tmp_path.iterdir()] == ["staging.toml"]


def test_a_schema_that_is_there_is_kept(tmp_path: Path) -> None:
    """A second profile in one folder shares it."""
    init(tmp_path / "one.toml")
    assert re.search(r"^wrote \S+two\.toml$", init(tmp_path / "two.toml").output, re.MULTILINE)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"metrics_url": "prometheus"}, "metrics.url: must be an address"),
        ({"name": "My Staging"}, "name: String should match"),
        ({"runtime_url": "https://me:canary-pass@runtime.example"}, "an address holds no user name"),
    ],
)
def test_a_wrong_answer_is_told_and_nothing_is_written(answer: dict[str, str], told: str, tmp_path: Path) -> None:
    """The drill would refuse such a profile, so it is not written."""
    done = init(tmp_path / "staging.toml", **answer)
    assert (done.exit_code, told in done.output, list(tmp_path.iterdir())) == (2, True, [])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The folder must be there."""
    done = init(tmp_path / "absent" / "staging.toml")
    assert (done.exit_code, "cannot be written" in done.output) == (2, True)
