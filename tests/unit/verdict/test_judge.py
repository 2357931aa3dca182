"""The record of a drill, computed from its ledger: worst counts, and nothing passes by absence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from drills.canonical import digest
from drills.errors import LedgerDamaged
from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import (
    Artefact,
    Check,
    CommitFacts,
    Disturbance,
    DrillFinished,
    DrillStarted,
    Fact,
    Interval,
    ItemFinished,
    ItemStarted,
    Lane,
    LaneProved,
    LedgerEntry,
    Observation,
    Provenance,
    Relation,
    Restored,
    RuntimeRecovered,
    Scalar,
    SwitchFlipped,
    SwitchRestored,
    TargetFacts,
    Verdict,
)
from drills.runbook.load import load_runbook
from drills.verdict.items import judge_check, worst
from drills.verdict.judge import judge
from drills.verdict.rollback import RECOVERY, ROLLBACK

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
RUNBOOK = load_runbook()


def at(seconds: float) -> datetime:
    """Return a moment of the drill."""
    return BEGAN + timedelta(seconds=seconds)


def started(provenance: Provenance | None = None) -> DrillStarted:
    """Return the first fact of a ledger."""
    content = RUNBOOK.model_dump(mode="json")
    return DrillStarted(
        drill_id="drill-1",
        slug="khala-cutover-embedded-drill",
        issue="KHALA-022",
        operator="someone",
        runbook=content,
        runbook_digest=digest(content),
        target=TargetFacts(name="embedded", environment="embedded", rehearsal_window_seconds=15),
        provenance=provenance or Provenance(),
        versions={},
        command="drill run",
    )


def ledger(*facts: Fact, first: DrillStarted | None = None) -> tuple[LedgerEntry, ...]:
    """Return a ledger with a fact a second."""
    everything: Sequence[Fact] = (first or started(), *facts)
    return tuple(
        LedgerEntry(seq=number, at=at(number), previous="", fact=fact, hash=f"hash-{number}")
        for number, fact in enumerate(everything, start=1)
    )


def check(item: str, observed: Scalar, expected: Scalar = 1, relation: Relation = Relation.EQUAL) -> Check:
    """Return a check of an item."""
    return Check(id="check", item=item, title="a figure", observed=observed, relation=relation, expected=expected)


def done(item: str, outcome: str = "passed", reason: str = "") -> ItemFinished:
    """Return pytest's word on an item."""
    return ItemFinished.model_validate({"item": item, "outcome": outcome, "seconds": 1, "reason": reason})


@pytest.mark.parametrize(
    ("observed", "relation", "expected", "verdict"),
    [
        (3, Relation.EQUAL, 3, Verdict.PASS),
        (3, Relation.EQUAL, 4, Verdict.FAIL),
        ("khala", Relation.NOT_EQUAL, "legacy", Verdict.PASS),
        ("khala", Relation.NOT_EQUAL, "khala", Verdict.FAIL),
        (1.5, Relation.LESS, 2, Verdict.PASS),
        (2, Relation.LESS, 2, Verdict.FAIL),
        (2, Relation.AT_MOST, 2, Verdict.PASS),
        (2.1, Relation.AT_MOST, 2, Verdict.FAIL),
        (3, Relation.GREATER, 2, Verdict.PASS),
        (2, Relation.GREATER, 2, Verdict.FAIL),
        (2, Relation.AT_LEAST, 2, Verdict.PASS),
        (1, Relation.AT_LEAST, 2, Verdict.FAIL),
        ("3", Relation.AT_LEAST, 2, Verdict.FAIL),
        (None, Relation.EQUAL, None, Verdict.INCONCLUSIVE),
        (float("nan"), Relation.LESS, 2, Verdict.INCONCLUSIVE),
        (float("nan"), Relation.NOT_EQUAL, 2, Verdict.INCONCLUSIVE),
        ("NaN", Relation.NOT_EQUAL, 2, Verdict.INCONCLUSIVE),
        (float("inf"), Relation.LESS, 2, Verdict.FAIL),
    ],
)
def test_a_check_is_what_was_observed_held_against_what_was_expected(
    observed: Scalar, relation: Relation, expected: Scalar, verdict: Verdict
) -> None:
    """Every relation decides; what was not observed, or is NaN, never passes and never fails."""
    assert judge_check(check("web", observed, expected, relation)) is verdict


def test_the_worst_counts_and_nothing_is_not_a_pass() -> None:
    """FAIL > INCONCLUSIVE > NOT_RUN > PASS; of nothing, NOT_RUN."""
    assert worst(Verdict) is Verdict.FAIL
    assert worst([Verdict.PASS, Verdict.NOT_RUN, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([Verdict.PASS, Verdict.NOT_RUN]) is Verdict.NOT_RUN
    assert worst([]) is Verdict.NOT_RUN


@pytest.mark.parametrize(
    ("facts", "verdict", "reason"),
    [
        ((), Verdict.NOT_RUN, "not attempted"),
        ((ItemStarted(item="web"),), Verdict.INCONCLUSIVE, "it was begun and never ended"),
        ((ItemStarted(item="web"), done("web")), Verdict.INCONCLUSIVE, "the scenario made no check"),
        ((done("web", "skipped", "precondition not met: x"),), Verdict.NOT_RUN, "precondition not met: x"),
        ((check("web", 1), done("web", "failed", "the browser died")), Verdict.INCONCLUSIVE, "the browser died"),
        ((check("web", 1), done("web")), Verdict.PASS, "1 checks held"),
        ((check("web", 2), done("web", "failed")), Verdict.FAIL, "a figure: observed 2, expected == 1"),
        ((check("web", 2), done("web")), Verdict.FAIL, "a figure: observed 2, expected == 1"),
        ((check("web", None), check("web", 2)), Verdict.FAIL, "a figure: observed 2, expected == 1"),
        ((check("web", None), done("web")), Verdict.INCONCLUSIVE, "a figure: not observed, expected == 1"),
        ((check("mobile", 1), done("mobile")), Verdict.NOT_RUN, "not attempted"),
    ],
    ids=["absent", "begun", "no-check", "skipped", "broke-off", "pass", "fail", "lying", "worst", "unseen", "another"],
)
def test_an_item_is_the_worst_of_its_checks(facts: tuple[Fact, ...], verdict: Verdict, reason: str) -> None:
    """The word of pytest alone neither passes nor fails an item."""
    web = judge(ledger(*facts)).checklist[1]
    assert (web.id, web.verdict, web.reason) == ("web", verdict, reason)


def flip(switch: str, before: str, after: str, second: float, purpose: str) -> SwitchFlipped:
    """Return a flip that took half a second."""
    return SwitchFlipped(
        switch=switch,
        before=before,
        after=after,
        requested_at=at(second),
        confirmed_at=at(second + 0.5),
        purpose=purpose,
    )


def proved(lane: Lane, second: float) -> LaneProved:
    """Return that traffic proved the web's lane."""
    return LaneProved(surface="web", lane=lane, proved_at=at(second), observation="traffic")


OFF, ON = flip("web", "true", "false", 10, ROLLBACK), flip("web", "false", "true", 20, RECOVERY)


def test_rollback_times_run_from_the_request_to_the_proof() -> None:
    """Time to fall back and time to recover are measured between asking and seeing."""
    web = judge(ledger(OFF, proved(Lane.LEGACY, 14), ON, proved(Lane.KHALA, 23))).rollback[0]
    assert (web.seconds_to_fallback, web.seconds_to_recover, web.verdict) == (4.0, 3.0, Verdict.PASS)


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        ((), Verdict.NOT_RUN, "not rolled back"),
        ((OFF,), Verdict.FAIL, "old lane was never proved"),
        ((OFF, proved(Lane.LEGACY, 5)), Verdict.FAIL, "old lane was never proved"),
        ((OFF, proved(Lane.LEGACY, 14), ON), Verdict.FAIL, "recovery was never proved"),
        ((OFF, proved(Lane.LEGACY, 14), ON, proved(Lane.KHALA, 521)), Verdict.FAIL, "the objective is 300 s"),
    ],
    ids=["none", "off-only", "proof-before-the-flip", "no-recovery", "too-slow"],
)
def test_rollback_that_was_not_shown_does_not_pass(facts: tuple[Fact, ...], verdict: Verdict, words: str) -> None:
    """Each missing or late proof is named."""
    web = judge(ledger(*facts)).rollback[0]
    assert web.verdict is verdict
    assert words in web.reason


def test_the_runtime_level_is_judged_by_what_was_seen_of_it() -> None:
    """The sink path has no lane; its effect is the stream that stops and the parity that returns."""
    sink = judge(
        ledger(
            flip("sink-path", "dual", "convex-only", 10, ROLLBACK),
            RuntimeRecovered(switch="sink-path", state="stopped", observed_at=at(12), observation="o"),
            flip("sink-path", "convex-only", "dual", 20, RECOVERY),
            RuntimeRecovered(switch="sink-path", state="recovered", observed_at=at(25), observation="o"),
        )
    ).rollback[3]
    assert (sink.subject, sink.seconds_to_fallback, sink.seconds_to_recover) == ("sink-path", 2.0, 5.0)


def artefact(category: str) -> Artefact:
    """Return an artefact of a category."""
    return Artefact(
        id=f"{category}.png", category=category, path="p.png", media_type="image/png", title="t", size=1, sha256="s"
    )


def test_required_artefacts_are_counted_by_kind() -> None:
    """One of two kinds is not enough."""
    record = judge(ledger(artefact("state-before"), artefact("mismatch-rate-snapshot")))
    found = {required.id: required for required in record.required_artefacts}
    assert found["rollback-evidence"].reason == "found 0 of 1 state-after"
    assert found["metric-snapshots"].verdict is Verdict.NOT_RUN
    assert found["report"].verdict is Verdict.PASS
    assert found["verdicts"].verdict is Verdict.NOT_RUN


def test_an_artefact_that_is_missing_from_a_whole_drill_is_a_failure() -> None:
    """As long as items were not run it was not made; afterwards there is no excuse."""
    facts: list[Fact] = []
    for item in RUNBOOK.checklist:
        facts += [check(item.id, 1), done(item.id)]
    found = {required.id: required.verdict for required in judge(ledger(*facts)).required_artefacts}
    assert found["metric-snapshots"] is Verdict.FAIL


def test_explicit_verdicts_need_every_item_to_be_decided() -> None:
    """PASS or FAIL for each checklist item, no less."""
    facts: list[Fact] = []
    for item in RUNBOOK.checklist:
        facts += [check(item.id, 1), done(item.id)]
    required = {one.id: one.verdict for one in judge(ledger(*facts)).required_artefacts}
    assert required["verdicts"] is Verdict.PASS


def restored(*, back: bool) -> Restored:
    """Return the end state of one switch."""
    line = SwitchRestored(
        switch="web", baseline="false", found="true", final="false", restored=back, by="drill", verified="read back"
    )
    return Restored(switches=(line,))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((OFF,), "switches were flipped and nothing shows that they were restored"),
        ((OFF, restored(back=False)), "switch web was not restored to false: read back"),
        ((Restored(switches=(), problems=("the journal is corrupt",)),), "restore: the journal is corrupt"),
    ],
)
def test_a_switch_that_is_not_proved_to_be_back_fails_the_drill(facts: tuple[Fact, ...], reason: str) -> None:
    """Whatever else was seen, such a drill is a FAIL and says so."""
    record = judge(ledger(*facts, DrillFinished(outcome="completed")))
    assert record.verdict is Verdict.FAIL
    assert reason in record.reasons


def test_reasons_come_worst_first() -> None:
    """A reader with twenty seconds reads the failure before what was not run."""
    record = judge(ledger(check("web", 2), done("web", "failed"), DrillFinished(outcome="completed")))
    assert record.reasons[0].startswith("item §5.2 web: FAIL")


def test_a_ledger_without_a_last_word_is_an_interrupted_drill() -> None:
    """A drill that was killed is judged by what it wrote, and never passes."""
    record = judge(ledger(check("web", 1), done("web")))
    assert (record.outcome, record.outcome_reason) == ("interrupted", "the ledger ends without a last word")
    assert record.verdict is not Verdict.PASS


def test_a_ledger_must_begin_with_the_beginning() -> None:
    """Half a ledger is not judged."""
    with pytest.raises(LedgerDamaged, match="does not begin"):
        judge(ledger(check("web", 1))[1:])
    with pytest.raises(LedgerDamaged, match="does not begin"):
        judge(())


def test_a_rehearsal_never_gives_a_go() -> None:
    """Verdict, embedded target, short windows and faults are each a reason."""
    decision = judge(ledger(first=started().model_copy(update={"faults": ("khala-drop",)}))).decision
    assert decision.value == "NO-GO"
    assert [reason.split()[0] for reason in decision.reasons] == ["the", "the", "this", "faults"]


COMMIT = CommitFacts(sha="a" * 40, subject="s", author="a", committed_at=BEGAN)


@pytest.mark.parametrize(
    ("provenance", "expected"),
    [
        (Provenance(), "No commit is known: the report cannot be tied to a version of the code."),
        (
            Provenance(commit=COMMIT, dirty=True),
            "The working tree had uncommitted changes: the commit named is not exactly what ran.",
        ),
    ],
)
def test_residual_risks_name_what_was_not_shown(provenance: Provenance, expected: str) -> None:
    """Code that cannot be named is a risk; so are short windows, missing items and what was left out."""
    pause = Interval(started_at=at(1), finished_at=at(3), reason="sink path")
    risks = judge(ledger(Disturbance(interval=pause), first=started(provenance))).residual_risks
    assert expected in risks
    assert "Gates were judged over 15 s" in " ".join(risks)
    assert "2.0 s in which the drill itself disturbed" in " ".join(risks)
    assert "Simulate rollback: not shown (NOT_RUN)." in risks


def test_the_timeline_follows_the_drill() -> None:
    """Items, switches, proofs, failures, disturbances and the end are there, by the time they happened."""
    facts: tuple[Fact, ...] = (
        ItemStarted(item="web"),
        OFF,
        proved(Lane.LEGACY, 14),
        RuntimeRecovered(switch="sink-path", state="stopped", observed_at=at(15), observation="o"),
        Observation(id="o", item="web", title="t", facts={}),
        check("web", 2),
        Disturbance(interval=Interval(started_at=at(1.5), finished_at=at(3), reason="sink path")),
        done("web", "failed"),
        restored(back=True),
        DrillFinished(outcome="completed"),
    )
    assert [(moment.kind, moment.text) for moment in judge(ledger(*facts)).timeline] == [
        ("drill", "drill drill-1 started"),
        ("disturbance", "sink path"),
        ("item", "web started"),
        ("check", "web: a figure: FAIL"),
        ("item", "web: FAIL"),
        ("switch", "web: true → false"),
        ("restore", "all switches restored"),
        ("drill", "drill completed"),
        ("lane", "web proved on legacy"),
        ("lane", "sink-path seen to have stopped"),
    ]


def test_the_same_ledger_gives_the_same_record() -> None:
    """Anyone can compute the record again, to the byte."""
    facts = ledger(OFF, proved(Lane.LEGACY, 14))
    assert judge(facts).model_dump_json() == judge(facts).model_dump_json()


def test_a_record_survives_being_written_and_read() -> None:
    """drill.json holds everything, NaN included."""
    record = judge(ledger(check("web", float("nan")), done("web")))
    assert DrillRecord.model_validate_json(record.model_dump_json()).model_dump_json() == record.model_dump_json()
