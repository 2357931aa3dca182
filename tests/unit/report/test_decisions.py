from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Requirement, RollbackStep, StageDecided, Verdict
from drills.report.render import render_decision, render_decisions, render_index, render_report

NOW = datetime(2026, 2, 20, 14, 0, 7, tzinfo=UTC)
HOSTILE = "<script>x</script> | @owner #7 [a](javascript:b) ::error:: \x1b[31m\u202e"


def a_decision(text: str = "a gate", verdict: Verdict = Verdict.FAIL, *, at: datetime = NOW) -> StageDecided:
    """Return a decision in which every free text is ``text``."""
    requirement = Requirement(
        id="gate", title=text, source="§3.1", verdict=verdict, reason=text, evidence=("drill.md#rollback",), remedy=text
    )
    red = RollbackStep(level=1, title=text, source="§4.1", settings=(text,), because=(text,))
    return StageDecided(
        runbook="khala-cutover",
        runbook_digest="sha256:0",
        target=text,
        environment="staging",
        from_stage="stage-a",
        to_stage="stage-b",
        from_title=text,
        to_title=text,
        value="GO" if verdict is Verdict.PASS else "NO-GO",
        verdict=verdict,
        requirements=(requirement,),
        gates=(),
        hold_from=NOW,
        calendar=text,
        stage_began_at=None,
        stage_began_by=text,
        drill_id=text,
        samples_source=text,
        samples_digest="sha256:0",
        rollback=red if verdict is Verdict.FAIL else None,
        operator=text,
        decided_at=at,
    )


def test_the_newest_decision_comes_first() -> None:
    """Who opens the page of decisions reads the newest one, and finds each under an anchor of its own."""
    page = render_decisions([a_decision("first"), a_decision("second", at=NOW + timedelta(hours=1))])

    assert page.index("second → second") < page.index("first → first")
    assert '<a id="decision-20260220-140007"></a>' in page


def test_go_and_what_could_not_be_judged_look_different() -> None:
    """GO, NO-GO and an inconclusive NO-GO are told apart by word and by shape, not by colour alone."""
    go, no_go, unsure = (
        render_decision(a_decision(verdict=verdict)) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.NOT_RUN)
    )

    assert "> [!NOTE]\n> **✅\N{NO-BREAK SPACE}GO** · 1 of 1 requirement passed" in go
    assert "> [!CAUTION]\n> **❌\N{NO-BREAK SPACE}NO-GO**" in no_go
    assert "> [!WARNING]\n> **⚠️\N{NO-BREAK SPACE}NO-GO, inconclusive**" in unsure
    assert "What would make it GO" not in go
    assert ["Roll back now" in one for one in (go, no_go, unsure)] == [False, True, False]


def test_foreign_text_stays_text(passed_record: DrillRecord) -> None:
    """Names, reasons and settings from outside cannot become markup, mentions, links or table cells, on any page."""
    decided = a_decision(HOSTILE)
    pages = [
        render_decisions([decided]),
        render_index([], [decided]),
        render_report(passed_record.model_copy(update={"decisions": (decided,)}), folder="drill"),
    ]

    for page in pages:
        assert "<script>" not in page
        assert "@owner" not in page
        assert "[a](" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page


def test_a_damaged_log_is_told_on_the_index() -> None:
    """A reader of the index learns that decisions cannot be believed, rather than seeing none."""
    assert "cannot be believed: line 2 was altered" in render_index([], damage="line 2 was altered")
    assert "Stage decisions" not in render_index([])


def test_a_report_without_decisions_says_nothing_of_them(passed_record: DrillRecord) -> None:
    """Reports of drills between which nothing was decided look as they always did."""
    assert "Stage decisions" not in render_report(passed_record, folder="drill")
