"""What a source says beside its samples: it may have failed, or have answered in part."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drills.evidence.records import JudgedGate, Samples, Series, Verdict
from drills.runbook.model import Gate

INCREASE = {"kind": "increase", "of": {"metric": "c"}}

Judge = Callable[..., JudgedGate]
MakeGate = Callable[..., Gate]
MakeSeries = Callable[..., Series]
MakeSamples = Callable[..., Samples]


def test_problems_of_the_source_are_told(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, judge: Judge
) -> None:
    """A warning or a partial answer reaches the reader."""
    found = judge(gate(INCREASE), samples([series("c", range(61))], problem="partial response"))

    assert found.reason.endswith("the source reported 1 problems, the first: partial response")


@pytest.mark.parametrize(("limit", "verdict"), [(1000.0, Verdict.INCONCLUSIVE), (10.0, Verdict.FAIL)])
def test_a_partial_answer_can_fail_a_gate_and_not_pass_it(
    gate: MakeGate, series: MakeSeries, samples: MakeSamples, judge: Judge, limit: float, verdict: Verdict
) -> None:
    """What a store that did not answer holds may be the failure; what the others hold is one already."""
    partial = samples([series("c", range(61))], problem="store b is down").model_copy(update={"partial": True})
    judged = judge(gate(INCREASE, {"kind": "comparison", "relation": "<", "threshold": limit}), partial)

    assert judged.verdict is verdict
    assert "the source answered in part: store b is down" in judged.reason


def test_a_source_that_gave_nothing_says_why(gate: MakeGate, samples: MakeSamples, judge: Judge) -> None:
    """Its first problem is the reason."""
    judged = judge(gate(INCREASE), samples([], problem="answers 503"))

    assert (judged.verdict, judged.reason) == (Verdict.INCONCLUSIVE, "no samples were taken: answers 503")
