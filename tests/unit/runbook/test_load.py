"""The runbook as data: complete, frozen, and precise about its mistakes."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drills.errors import RunbookInvalid
from drills.runbook.load import load_runbook, parse_runbook
from drills.runbook.model import Comparison, Quantile, Ratio, SwitchKind, TrendToZero


@pytest.fixture
def document() -> dict[str, Any]:
    """The shipped runbook as plain TOML."""
    return tomllib.loads(files("drills.runbook").joinpath("khala_cutover.toml").read_text(encoding="utf-8"))


def mistakes_of(document: dict[str, Any]) -> tuple[str, ...]:
    """Return what is said against a document."""
    with pytest.raises(RunbookInvalid) as caught:
        parse_runbook(document, "runbook.toml")
    return caught.value.mistakes


def test_the_shipped_runbook_says_all_that_the_runbook_says() -> None:
    """Preconditions, stages, gates, rollback, checklist and artefacts are all there, in number and order."""
    runbook = load_runbook()
    assert [entry.source for entry in runbook.preconditions] == ["§1.1", "§1.2", "§1.3", "§1.4"]
    assert [stage.id for stage in runbook.stages] == ["stage-a", "stage-b", "stage-c", "stage-d"]
    assert [gate.source for gate in runbook.gates] == ["§3.1", "§3.2", "§3.3", "§3.4", "§3.5"]
    assert [level.level for level in runbook.rollback] == [1, 2, 3]
    assert [item.source for item in runbook.checklist] == ["§5.1", "§5.2", "§5.3", "§5.4", "§5.5", "§5.6"]
    assert [artefact.source for artefact in runbook.artefacts] == ["§6.1", "§6.2", "§6.3", "§6.4"]


def test_stages_carry_cohorts_and_holds() -> None:
    """Stage B is 5-10 % for a business day, C is 25-50 %, D is everyone with a rollback window."""
    _, small, broad, full = load_runbook().stages
    assert (small.cohort.minimum_percent, small.cohort.maximum_percent) == (5, 10)
    assert small.hold.business_days == 1
    assert (broad.cohort.minimum_percent, broad.cohort.maximum_percent) == (25, 50)
    assert (full.cohort.audience, full.rollback_window_seconds) == ("everyone", 86400)


def test_gates_are_measures_and_objectives() -> None:
    """The five gates hold the runbook's figures; what it leaves to the target is a setting."""
    rate, missing, drift, catch_up, stale = load_runbook().gates
    assert isinstance(rate.measure, Ratio)
    assert isinstance(rate.objective, Comparison)
    assert (rate.objective.relation, rate.objective.threshold, rate.window_seconds) == ("<", 0.01, 3600)
    assert isinstance(missing.objective, TrendToZero)
    assert isinstance(drift.measure, Quantile)
    assert drift.measure.q == 0.95
    assert isinstance(catch_up.objective, Comparison)
    assert catch_up.objective.setting == "lane-target-ms"
    assert isinstance(stale.objective, Comparison)
    assert stale.objective.setting == "incident-threshold"


def test_rollback_names_the_three_client_flags_before_the_runtime() -> None:
    """The smallest rollback surface comes first."""
    runbook = load_runbook()
    kinds = [[runbook.switch(name).kind for name in level.switches] for level in runbook.rollback]
    assert kinds == [[SwitchKind.CLIENT] * 3, [SwitchKind.RUNTIME], []]


def test_a_loaded_runbook_cannot_change() -> None:
    """What must be true is not altered while a drill runs."""
    with pytest.raises(ValidationError):
        load_runbook().title = "another"  # type: ignore[misc]


def test_all_mistakes_are_told_at_once_each_with_its_place(document: dict[str, Any]) -> None:
    """Three mistakes in three places give three lines."""
    document["gates"][0]["window_seconds"] = 0
    document["stages"][1]["cohort"]["maximum_percent"] = 110
    document["preconditions"][2]["source"] = "somewhere"
    places = [mistake.split(":")[0] for mistake in mistakes_of(document)]
    assert sorted(places) == ["gates[0].window_seconds", "preconditions[2].source", "stages[1].cohort.maximum_percent"]


def test_references_that_lead_nowhere_are_told(document: dict[str, Any]) -> None:
    """Unknown switches, preconditions, surfaces and gates are named with what is known."""
    document["rollback"][0]["switches"] = ["webb"]
    document["checklist"][1]["needs"] = ["dual"]
    document["checklist"][1]["surfaces"] = ["watch"]
    document["panels"][3]["gate"] = "drift"
    assert [mistake.split(":")[0] for mistake in mistakes_of(document)] == [
        "rollback[0].switches",
        "checklist[1].needs",
        "checklist[1].surfaces",
        "panels[3].gate",
    ]


def test_ids_are_used_once_per_kind(document: dict[str, Any]) -> None:
    """Two gates of one id would be one gate to a reader."""
    document["gates"][3]["id"] = document["gates"][0]["id"]
    assert mistakes_of(document) == ("gates[3].id: 'parity-mismatch-rate' is used twice",)


def test_preconditions_and_items_do_not_share_an_id(document: dict[str, Any]) -> None:
    """A ledger names both alike: one id for two of them would mix their checks."""
    document["preconditions"][0]["id"] = "web"
    document["checklist"][1]["needs"] = []
    document["checklist"][0]["needs"] = []
    for item in document["checklist"]:
        item["needs"] = []
    assert mistakes_of(document) == ("checklist[1].id: 'web' is used twice",)


def test_an_objective_has_one_threshold(document: dict[str, Any]) -> None:
    """A threshold and a setting together, or neither, decide nothing."""
    document["gates"][0]["objective"]["setting"] = "something"
    del document["gates"][3]["objective"]["setting"]
    assert [mistake.split(":")[0] for mistake in mistakes_of(document)] == ["gates[0].objective", "gates[3].objective"]


def test_levels_and_cohorts_are_in_order(document: dict[str, Any]) -> None:
    """Rollback goes from small to large, a cohort from its minimum to its maximum."""
    document["rollback"][0]["level"] = 9
    document["stages"][1]["cohort"]["minimum_percent"] = 50
    assert [mistake.split(":")[0] for mistake in mistakes_of(document)] == ["rollback", "stages[1].cohort"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"id = ", "is not TOML"), (b"\xff\xfe", "is not UTF-8"), (b"#" * 1_000_001, "is larger than")],
    ids=["broken", "binary", "huge"],
)
def test_files_that_hold_no_runbook_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever the file holds, the answer is one clear error."""
    path = tmp_path / "runbook.toml"
    path.write_bytes(content)
    with pytest.raises(RunbookInvalid, match=words):
        load_runbook(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(RunbookInvalid, match=r"absent\.toml cannot be read"):
        load_runbook(tmp_path / "absent.toml")


def test_whoever_mistypes_a_name_is_told_the_shipped_ones() -> None:
    """A name that is no file may be meant for one of these."""
    with pytest.raises(RunbookInvalid) as caught:
        load_runbook("ws_rolout")
    assert caught.value.remedy == "name a runbook file, or one of khala_cutover, ws_rollout"


def test_the_second_runbook_shares_nothing_with_the_first_but_the_form() -> None:
    """Five stages from 0 to 4, gates of its own, and a checklist of its own."""
    rollout, cutover = load_runbook("ws_rollout"), load_runbook()
    assert [stage.id for stage in rollout.stages] == [f"stage-{number}" for number in range(5)]
    assert [gate.id for gate in rollout.gates] == [
        "auth-errors",
        "replay-latency",
        "reconnect-storms",
        "slow-consumer-evictions",
    ]
    shared = {entry.id for _, entry in rollout.entries()} & {entry.id for _, entry in cutover.entries()}
    assert shared == {"client-flags", "mobile", "report", "web"}


def test_unknown_items_and_switches_are_key_errors() -> None:
    """Code that asks for an entry that is not there is wrong, and hears so."""
    runbook = load_runbook()
    with pytest.raises(KeyError):
        runbook.item("absent")
    with pytest.raises(KeyError):
        runbook.switch("absent")
