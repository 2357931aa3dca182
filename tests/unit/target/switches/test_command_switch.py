"""The command switch, with real processes: what it runs, what it lets them see, and how it ends them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from drills.errors import ProfileInvalid, SwitchFailed, TargetUnreachable
from drills.target.fields import SecretReference
from drills.target.recipes import CommandSwitchRecipe
from drills.target.switches.build import build

PYTHON = sys.executable


def python(source: str, *words: str) -> tuple[str, ...]:
    """Return the words that run a line of Python."""
    return (PYTHON, "-c", source, *words)


def recipe(**fields: object) -> CommandSwitchRecipe:
    given = {"switch": "web", "get": python("print('true')"), "set": python("pass"), **fields}
    return CommandSwitchRecipe.model_validate(given)


def test_a_value_is_set_and_read_by_commands(tmp_path: Path) -> None:
    """`set` is given the value, `wait` comes after it, `get` tells what is in effect; no shell reads the words."""
    place, log = tmp_path / "value", tmp_path / "log"
    one = build(
        recipe(
            get=python("import sys; print(open(sys.argv[1]).read())", str(place)),
            set=python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(place), "{value}"),
            wait=python("import sys; open(sys.argv[1], 'a').write('waited for ' + sys.argv[2])", str(log), "{value}"),
        )
    )
    one.ask("$(date); true")
    assert (one.read(), log.read_text()) == ("$(date); true", "waited for $(date); true")


def test_the_words_of_the_target_are_those_of_the_profile() -> None:
    """Values are written in the target's words and read back in the runbook's, also inside JSON."""
    one = build(recipe(get=python('print(\'{"spec": {"on": true}}\')'), pointer="/spec/on", values={"dual": "true"}))
    assert one.read() == "dual"
    with pytest.raises(SwitchFailed, match="does not say how 'other' is written; it knows dual"):
        one.ask("other")


def test_a_command_that_sets_may_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own words are passed on, without the secret that it was given."""
    monkeypatch.setenv("CLOUD_TOKEN", "canary-cloud-token")
    failing = python("import os, sys; sys.exit('forbidden for ' + os.environ['TOKEN'])")
    one = build(recipe(set=failing, secrets={"TOKEN": SecretReference(env="CLOUD_TOKEN")}))
    with pytest.raises(SwitchFailed, match=r"ended with 1 \(forbidden for «redacted:TOKEN»\)") as caught:
        one.ask("true")
    assert "canary" not in str(caught.value)


def test_a_command_that_reads_may_do_better_later() -> None:
    """A `get` that fails, or says nothing, has no answer yet."""
    with pytest.raises(TargetUnreachable, match="ended with 3"):
        build(recipe(get=python("raise SystemExit(3)"))).read()
    with pytest.raises(TargetUnreachable, match="prints no value"):
        build(recipe(get=python("pass"))).read()
    with pytest.raises(TargetUnreachable, match="prints no JSON"):
        build(recipe(get=python("print('<html>')"), pointer="/on")).read()
    with pytest.raises(TargetUnreachable, match="prints no value"):
        build(recipe(get=python("print('{}')"), pointer="/on")).read()


def test_a_command_sees_only_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the drill's environment it sees the names in the profile, and few others."""
    monkeypatch.setenv("DRILL_PRIVATE", "canary-private")
    monkeypatch.setenv("KUBECONFIG", "/tmp/kube")  # noqa: S108 - a path that nothing opens
    sees = python("import os; print(os.environ.get('DRILL_PRIVATE'), os.environ.get('KUBECONFIG'))")
    assert build(recipe(get=sees)).read() == "None None"
    assert build(recipe(get=sees, environment=("KUBECONFIG",))).read() == "None /tmp/kube"


def test_a_secret_that_is_not_there_is_told() -> None:
    """Nothing is run without it."""
    with pytest.raises(ProfileInvalid, match="ABSENT is not set"):
        build(recipe(secrets={"TOKEN": SecretReference(env="ABSENT")})).ask("true")


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """Nothing that it started outlives its time."""
    mark = tmp_path / "child"
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    one = build(recipe(set=python(source, str(mark)), timeout_seconds=1.5))
    with pytest.raises(SwitchFailed, match=r"took longer than 1\.5 s"):
        one.ask("true")
    child, deadline = int(mark.read_text()), time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child is still there"


def test_a_command_that_is_not_there_or_prints_without_end_is_told() -> None:
    """Both are told in a line."""
    with pytest.raises(SwitchFailed, match="/no/such/program does not start: No such file"):
        build(recipe(set=("/no/such/program",))).ask("true")
    with pytest.raises(SwitchFailed, match="printed more than 65,536 bytes"):
        build(recipe(set=python("print('x' * 70000)"))).ask("true")
