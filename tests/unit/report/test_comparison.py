from __future__ import annotations

from drills.evidence.drill_record import DrillRecord, JudgedCheck
from drills.evidence.records import Scalar, Verdict
from drills.report.comparison import Change, Comparison, compare, said


def found(comparison: Comparison, group: str) -> dict[str, Change]:
    """Return the changes of one group by what changed."""
    return {change.what: change for change in comparison.changes if change.group == group}


def test_a_drill_is_the_same_as_itself(passed_record: DrillRecord) -> None:
    """Nothing differs, and everything that could have was counted."""
    comparison = compare(passed_record, passed_record)

    assert comparison.changes == ()
    assert comparison.same > 80


def test_what_became_worse_is_told_with_both_figures(passed_record: DrillRecord, failed_record: DrillRecord) -> None:
    """Verdicts, checks, gate values, margins and rollback times, each before and after."""
    comparison = compare(passed_record, failed_record)
    gates = found(comparison, "gates")

    assert found(comparison, "verdict")["Verdict"].trend == "worse"
    assert (gates["§3.1 Parity mismatch rate"].before, gates["§3.1 Parity mismatch rate"].after) == ("PASS", "FAIL")
    assert gates["§3.1 Parity mismatch rate, margin"].trend == "worse"
    assert said(gates["§3.1 Parity mismatch rate, observed"]) == (
        "§3.1 Parity mismatch rate, observed: 0.00231 (0.231 %) → 0.0312 (3.12 %)"
    )
    assert found(comparison, "rollback")["mobile, on until recovered"].after is None
    assert [change.after for change in found(comparison, "items").values()] == [Verdict.FAIL]
    assert {"Fault khala-lag", "Fault convex-boots-anyway"} <= found(comparison, "target").keys()
    assert found(comparison, "code")["Uncommitted changes"].after is True


def test_the_other_way_round_it_is_better(passed_record: DrillRecord, failed_record: DrillRecord) -> None:
    """The same changes, the other way round, none of them worse."""
    there, back = compare(passed_record, failed_record), compare(failed_record, passed_record)

    assert sorted(change.what for change in there.changes) == sorted(change.what for change in back.changes)
    assert {change.trend for change in back.changes} == {"better", ""}
    assert {change.trend for change in there.changes} == {"worse", ""}


def test_a_slower_rollback_is_worse_although_it_passed(passed_record: DrillRecord) -> None:
    """Times of rollback have a direction, also inside the objective."""
    first, *others = passed_record.rollback
    assert first.seconds_to_fallback is not None
    slower = first.model_copy(update={"seconds_to_fallback": first.seconds_to_fallback + 2})
    comparison = compare(passed_record, passed_record.model_copy(update={"rollback": (slower, *others)}))

    (change,) = comparison.changes
    assert (change.group, change.trend, change.unit) == ("rollback", "worse", "s")


def test_versions_target_and_risks_are_held_against_each_other(passed_record: DrillRecord) -> None:
    """Another browser, another threshold, another runbook, another risk: each is a change of its own."""
    staging = passed_record.target.model_copy(update={"environment": "staging"})
    before = passed_record.model_copy(update={"target": staging})
    target = staging.model_copy(
        update={"settings": {**passed_record.target.settings, "lane-target-ms": 900}, "urls": {}}
    )
    other = passed_record.model_copy(
        update={
            "versions": {**passed_record.versions, "chromium": "157.0"},
            "target": target,
            "runbook_digest": "sha256:another",
            "residual_risks": ("Another risk.", *passed_record.residual_risks[1:]),
        }
    )

    assert [(change.group, change.what, change.before, change.after) for change in compare(before, other).changes] == [
        ("code", "Runbook", passed_record.runbook_digest, "sha256:another"),
        ("code", "Version of chromium", "156.0", "157.0"),
        ("target", "Setting lane-target-ms", 1500, 900),
        ("target", "Address of runtime", "http://127.0.0.1:8700", None),
        ("not shown", "Another risk.", None, True),
        ("not shown", passed_record.residual_risks[0], True, None),
    ]


def test_the_ports_of_an_embedded_staging_are_no_change(passed_record: DrillRecord) -> None:
    """They are new each time, and say nothing."""
    moved = passed_record.target.model_copy(update={"urls": {"runtime": "http://127.0.0.1:9999"}})

    assert compare(passed_record, passed_record.model_copy(update={"target": moved})).changes == ()


def test_what_only_one_of_them_says_is_new_or_gone(passed_record: DrillRecord) -> None:
    """A drill that names no risk any more is told as such, and not as a value that is missing."""
    comparison = compare(passed_record, passed_record.model_copy(update={"residual_risks": (), "faults": ("lag",)}))

    assert [said(change) for change in comparison.changes] == [
        "Fault lag: new",
        *(f"{risk}: gone" for risk in passed_record.residual_risks),
    ]


def test_a_check_is_the_same_one_under_other_words(passed_record: DrillRecord) -> None:
    """A budget in the title of a check differs from target to target; the worst of repeated checks counts."""
    first, *others = passed_record.checklist
    check, *rest = first.checks
    renamed = check.model_copy(update={"title": "Audit cycles within 3 s"})
    failed = check.model_copy(update={"verdict": Verdict.FAIL})

    def compared(*checks: JudgedCheck) -> list[tuple[str, Scalar, Scalar]]:
        item = first.model_copy(update={"checks": (*checks, *rest)})
        after = passed_record.model_copy(update={"checklist": (item, *others)})
        return [(change.what, change.before, change.after) for change in compare(passed_record, after).changes]

    assert compared(renamed) == []
    assert compared(failed, check) == [("§5.1 Audit cycles after enabling", "PASS", "FAIL")]
