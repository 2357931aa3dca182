"""Stage decisions. The drill in them is the published one, taken for a full drill of a real staging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import JudgedGate, StageDecided, TargetFacts, Verdict
from drills.runbook.load import load_runbook
from drills.runbook.model import Calendar, Gate, Hold
from drills.verdict.business_days import BusinessDays
from drills.verdict.case import Began, Gates, PublishedDrill, StageCase
from drills.verdict.promotion import follows
from drills.verdict.stage_decision import decide_stage

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
RUNBOOK = load_runbook()
A, B, C, D = RUNBOOK.stages
TARGET = TargetFacts(
    name="staging-eu",
    environment="staging",
    settings={"lane-target-ms": 500, "incident-threshold": 0.05, "recovery-time-seconds": 300},
)
STATUS = Path(__file__).parents[3] / "docs" / "sync" / "status"
BAD = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN)
Change = Callable[[StageCase], StageCase]


@cache
def record() -> DrillRecord:
    """Return a drill of the target that passed, an hour ago."""
    path = max(STATUS.glob("*-khala-cutover-embedded-drill*/drill.json"))
    published = DrillRecord.model_validate_json(path.read_bytes())
    changes = {
        "target": TARGET,
        "runbook": RUNBOOK.model_dump(mode="json"),
        "faults": (),
        "finished_at": NOW - timedelta(hours=1),
    }
    return published.model_copy(update=changes)


def judged(gate: Gate, verdict: Verdict = Verdict.PASS) -> JudgedGate:
    """Return a gate with a verdict."""
    return JudgedGate(
        id=gate.id,
        title=gate.title,
        source=gate.source,
        verdict=verdict,
        reason=f"it is {verdict}",
        unit=gate.unit,
        observed=0.0,
        relation="<",
        threshold=1.0,
        margin=1.0,
        window_seconds=3600,
        runbook_window_seconds=3600,
        covered_seconds=3600,
        sample_count=100,
    )


def a_case(**changes: Any) -> StageCase:
    """Return the case of a rollout that may go from B to C, with ``changes``."""
    case = StageCase(
        runbook=RUNBOOK,
        runbook_digest="sha256:runbook",
        target=TARGET,
        origin=B,
        destination=C,
        days=BusinessDays(Calendar()),
        gates=Gates(NOW - timedelta(days=1), "http://prometheus", "sha256:samples", tuple(map(judged, RUNBOOK.gates))),
        began=Began(NOW - timedelta(days=2), "decision 1 was GO", "decisions.md#decision-1"),
        drill=PublishedDrill("drill.md", record()),
        reached=B.title,
        operator="R. Operator",
    )
    return replace(case, **changes)


def with_gates(verdicts: Sequence[Verdict]) -> StageCase:
    """Return the case in which the gates have these verdicts."""
    case = a_case()
    gates = tuple(judged(gate, verdict) for gate, verdict in zip(RUNBOOK.gates, verdicts, strict=True))
    return replace(case, gates=replace(case.gates, judged=gates))


def with_drill(**changes: Any) -> StageCase:
    """Return the case in which the drill's record has ``changes``."""
    return a_case(drill=PublishedDrill("drill.md", record().model_copy(update=changes)))


def unmet(decided: StageDecided) -> dict[str, Verdict]:
    """Return the requirements that did not pass."""
    return {one.id: one.verdict for one in decided.requirements if one.verdict is not Verdict.PASS}


def test_a_stage_that_was_held_with_green_gates_and_a_fresh_drill_is_left() -> None:
    """GO, when every requirement of the runbook passed; each says why, and what rests on a drill links to it."""
    decided = decide_stage(a_case(), NOW)

    assert (decided.value, decided.verdict, unmet(decided)) == ("GO", Verdict.PASS, {})
    assert all(one.reason and one.evidence and not one.remedy for one in decided.requirements)
    assert {link.partition("/")[0].partition("#")[0] for one in decided.requirements for link in one.evidence} == {
        "README.md",
        "http:",
        "decisions.jsonl",
        "decisions.md",
        "drill.md",
        "drill",
    }
    assert follows(decided)


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (a_case(target=TARGET.model_copy(update={"environment": "embedded"})), {"environment": Verdict.FAIL}),
        (a_case(target=TARGET.model_copy(update={"rehearsal_window_seconds": 20})), {"environment": Verdict.FAIL}),
        (a_case(began=None), {"stage": Verdict.FAIL, "hold": Verdict.INCONCLUSIVE}),
        (a_case(began=None, reached=None), {"stage": Verdict.INCONCLUSIVE, "hold": Verdict.INCONCLUSIVE}),
        (a_case(began=Began(NOW - timedelta(hours=23), "said")), {"hold": Verdict.FAIL}),
        (a_case(began=Began(NOW + timedelta(hours=23), "said")), {"hold": Verdict.FAIL}),
        (a_case(unread=("2026-11-24-drill",)), {"evidence-complete": Verdict.INCONCLUSIVE}),
        (a_case(missing=("20261124-1",)), {"evidence-complete": Verdict.FAIL}),
        (with_drill(verdict=Verdict.FAIL), {"drill": Verdict.FAIL}),
        (with_drill(verdict=Verdict.INCONCLUSIVE), {"drill": Verdict.INCONCLUSIVE}),
        (with_drill(finished_at=NOW - timedelta(days=7, seconds=1)), {"drill-age": Verdict.FAIL}),
        (with_drill(finished_at=NOW + timedelta(seconds=1)), {"drill-age": Verdict.FAIL}),
        (with_drill(faults=("khala-lag",)), {"drill-kind": Verdict.FAIL}),
        (
            with_drill(target=TARGET.model_copy(update={"rehearsal_window_seconds": 20})),
            {"drill-kind": Verdict.FAIL},
        ),
        (
            with_drill(runbook=RUNBOOK.model_copy(update={"version": "0"}).model_dump(mode="json")),
            {"drill-kind": Verdict.FAIL},
        ),
        (with_drill(preconditions=record().preconditions[1:]), {"precondition-dual-publish": Verdict.NOT_RUN}),
        (with_drill(rollback=record().rollback[1:]), {"rollback-web": Verdict.NOT_RUN}),
        (
            a_case(target=TARGET.model_copy(update={"settings": {"recovery-time-seconds": 0.001}})),
            dict.fromkeys(("rollback-web", "rollback-mobile", "rollback-desktop", "rollback-sink-path"), Verdict.FAIL),
        ),
        (a_case(drill=PublishedDrill("drill.md", record(), "drill.json was altered")), {"artefacts": Verdict.FAIL}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_one_thing_that_is_wrong_is_told_alone_and_keeps_the_stage(case: StageCase, found: dict[str, Verdict]) -> None:
    """NO-GO names exactly what is wrong, why, and what would make it GO."""
    decided = decide_stage(case, NOW)

    assert (decided.value, unmet(decided)) == ("NO-GO", found)
    assert all(one.remedy and one.reason for one in decided.requirements if one.id in found)


def test_without_a_drill_all_that_it_would_have_shown_is_missing() -> None:
    """No drill is no evidence: nothing that rests on it passes."""
    found = unmet(decide_stage(a_case(drill=None), NOW))

    assert set(found.values()) == {Verdict.NOT_RUN}
    assert {name.partition("-")[0] for name in found} == {"drill", "precondition", "rollback", "artefacts"}


def test_a_stage_without_a_hold_needs_no_beginning() -> None:
    """Stage A is left as soon as its gates are green: the runbook asks for no time in it."""
    assert decide_stage(a_case(origin=A, destination=B, began=None, reached=None), NOW).value == "GO"
    assert A.hold == Hold()


def test_the_smallest_rollback_is_recommended_when_a_gate_turned_red() -> None:
    """A gate that was green in the drill and is red now asks for the client flags, the smallest rollback."""
    red = [Verdict.FAIL, *[Verdict.PASS] * 4]
    turned = decide_stage(with_gates(red), NOW)
    never_green = replace(with_gates(red), drill=None)

    assert turned.rollback is not None
    assert turned.rollback.level == 1
    assert turned.rollback.because == (RUNBOOK.gates[0].title,)
    assert turned.rollback.settings == (
        "VITE_KHALA_SYNC_ENABLED=false",
        "EXPO_PUBLIC_KHALA_SYNC_ENABLED=false",
        "OA_DESKTOP_KHALA_SYNC_ENABLED=false",
    )
    assert decide_stage(a_case(), NOW).rollback is None
    assert decide_stage(never_green, NOW).rollback is None
    assert decide_stage(replace(never_green, last=decide_stage(a_case(), NOW)), NOW).rollback == turned.rollback


@given(verdicts=st.lists(st.sampled_from(Verdict), min_size=5, max_size=5))
def test_a_gate_that_is_not_green_never_yields_go(verdicts: list[Verdict]) -> None:
    """All gates must be green before moving to the next stage, whatever else holds."""
    decided = decide_stage(with_gates(verdicts), NOW)

    assert (decided.value == "GO") == all(verdict is Verdict.PASS for verdict in verdicts)


def _fewer(field: str, index: int) -> Change:
    """Return a change that takes one judged thing out of the drill's record."""

    def take(case: StageCase) -> StageCase:
        if case.drill is None:
            return case
        parts = getattr(case.drill.record, field)
        left = tuple(part for at, part in enumerate(parts) if at != index)
        return replace(case, drill=replace(case.drill, record=case.drill.record.model_copy(update={field: left})))

    return take


REMOVALS: list[Change] = [
    lambda case: replace(case, drill=None),
    lambda case: replace(case, began=None),
    lambda case: replace(case, gates=replace(case.gates, judged=case.gates.judged[1:])),
    lambda case: replace(case, gates=replace(case.gates, judged=())),
    lambda case: replace(case, target=case.target.model_copy(update={"settings": {}})),
    *(_fewer("preconditions", index) for index in range(4)),
    *(_fewer("rollback", index) for index in range(4)),
]
CASES = st.builds(
    lambda gates, changes, days: replace(
        with_gates(gates),
        began=changes["began"],
        drill=changes["drill"],
        missing=changes["missing"],
        days=days,
    ),
    gates=st.lists(st.sampled_from([Verdict.PASS] * 9 + [*BAD]), min_size=5, max_size=5),
    changes=st.fixed_dictionaries(
        {
            "began": st.none()
            | st.builds(Began, st.sampled_from([NOW - timedelta(hours=h) for h in (1, 30)]), st.just("")),
            "drill": st.builds(
                lambda verdict, age, deviation: PublishedDrill(
                    "drill.md",
                    record().model_copy(update={"verdict": verdict, "finished_at": NOW - timedelta(days=age)}),
                    deviation,
                ),
                st.sampled_from([Verdict.PASS] * 5 + [*BAD]),
                st.sampled_from([0, 1, 8]),
                st.sampled_from(["", "", "", "altered"]),
            ),
            "missing": st.sampled_from([(), (), ("gone",)]),
        }
    ),
    days=st.sampled_from([BusinessDays(Calendar()), BusinessDays(Calendar(country="DE"))]),
)


@given(case=CASES, removals=st.lists(st.sampled_from(REMOVALS), min_size=1, max_size=4))
def test_removing_evidence_never_turns_no_go_into_go(case: StageCase, removals: list[Change]) -> None:
    """Whoever takes evidence away can only lose a GO; the verdicts that are left do not become better."""
    less = case
    for remove in removals:
        less = remove(less)
    before, after = decide_stage(case, NOW), decide_stage(less, NOW)

    assert before.value == "GO" or after.value == "NO-GO"
    had = {one.id: one.verdict for one in before.requirements}
    assert [
        one.id for one in after.requirements if one.verdict is Verdict.PASS and had[one.id] is not Verdict.PASS
    ] == []


@given(case=CASES)
def test_a_decision_follows_from_its_own_requirements(case: StageCase) -> None:
    """A recorded decision can be held against itself; one that was made better cannot pass for whole."""
    decided = decide_stage(case, NOW)
    prettier = decided.model_copy(update={"value": "GO", "verdict": Verdict.PASS})

    assert follows(decided)
    assert follows(prettier) == (decided.value == "GO")
    assert follows(StageDecided.model_validate_json(decided.model_dump_json()))
