"""What a publication attests is what its record says, in the words that in-toto has for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import (  # type: ignore[import-untyped]  # ships no types
    TestResult as ResultMessage,
)
from in_toto_attestation.v1.resource_descriptor import (  # type: ignore[import-untyped]  # ships no types
    ResourceDescriptor,
)
from in_toto_attestation.v1.statement import (  # type: ignore[import-untyped]  # ships no types
    Statement as CheckedStatement,
)
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage  # type: ignore[import-untyped]  # ships no types

from drills.canonical import digest_of_bytes
from drills.evidence.drill_record import DrillRecord
from drills.evidence.ledger import read_ledger
from drills.evidence.manifest import Manifest, describe
from drills.evidence.records import Provenance, Verdict
from drills.evidence.statements import RESULTS, statements
from drills.verdict.judge import judge

LEDGER = min((Path(__file__).parents[3] / "docs" / "sync" / "status").glob("*-embedded-drill/ledger.jsonl"))


@pytest.fixture(scope="module")
def record() -> DrillRecord:
    """The record of a drill that was really run, as if on a clean tree."""
    judged = judge(read_ledger(LEDGER))
    assert judged.provenance.commit is not None
    return judged.model_copy(update={"provenance": judged.provenance.model_copy(update={"dirty": False})})


@pytest.fixture
def manifest(record: DrillRecord) -> Manifest:
    files = (describe("constraints.txt", b"numpy==2\n"), describe("drill.json", b"{}\n"))
    return Manifest(
        name="2026-02-20-drill",
        ledger_head=record.ledger_head,
        ledger_entries=record.ledger_entries,
        signed_by="sha256:0",
        report=describe("2026-02-20-drill.md", b"# Drill\n"),
        files=files,
    )


def stated(record: DrillRecord, manifest: Manifest, name: str = "test-result") -> Any:
    """Return a statement as a reader of its JSON sees it."""
    return orjson.loads(statements(record, manifest)[name].encode())


@pytest.mark.parametrize("name", ["test-result", "drill"])
def test_in_totos_own_validators_accept_every_statement(record: DrillRecord, manifest: Manifest, name: str) -> None:
    """Each is a Statement v1 whose subjects are resources with digests."""
    message = json_format.Parse(statements(record, manifest)[name].encode(), StatementMessage())
    CheckedStatement.copy_from_pb(message).validate()

    assert [dict(subject.digest) for subject in message.subject] == [
        {"gitCommit": record.provenance.commit.sha if record.provenance.commit else ""},
        {"sha256": digest_of_bytes(manifest.encode()).removeprefix("sha256:")},
    ]


def test_in_totos_own_schema_accepts_the_test_result(record: DrillRecord, manifest: Manifest) -> None:
    """No field is unknown to it, and each piece of configuration is a resource."""
    predicate = json_format.ParseDict(stated(record, manifest)["predicate"], ResultMessage())
    for resource in predicate.configuration:
        ResourceDescriptor.copy_from_pb(resource).validate()

    judged = (*record.preconditions, *record.checklist, *record.gates, *record.rollback, *record.required_artefacts)
    named = [*predicate.passed_tests, *predicate.warned_tests, *predicate.failed_tests]
    assert predicate.result == RESULTS[record.verdict]
    assert {resource.name for resource in predicate.configuration} >= {"runbook", "constraints.txt"}
    assert len(named) == len(set(named)) == len(judged)
    assert "checklist/web" in named


def test_a_validator_that_accepts_anything_would_be_worthless(record: DrillRecord, manifest: Manifest) -> None:
    """A subject without a digest, and a field that the schema does not have, are refused."""
    statement = stated(record, manifest)
    statement["subject"][0].pop("digest")
    message = json_format.ParseDict(statement, StatementMessage())

    with pytest.raises(ValueError, match="At least one digest required"):
        CheckedStatement.copy_from_pb(message).validate()
    with pytest.raises(json_format.ParseError, match="extraTests"):
        json_format.ParseDict({**statement["predicate"], "extraTests": []}, ResultMessage())


@pytest.mark.parametrize(
    ("verdict", "result", "where"),
    [
        (Verdict.PASS, "PASSED", "passedTests"),
        (Verdict.INCONCLUSIVE, "WARNED", "warnedTests"),
        (Verdict.NOT_RUN, "WARNED", "warnedTests"),
        (Verdict.FAIL, "FAILED", "failedTests"),
    ],
)
def test_what_was_not_observed_is_no_pass(
    verdict: Verdict, result: str, where: str, record: DrillRecord, manifest: Manifest
) -> None:
    """Only PASS is PASSED: a policy that asks for it is never satisfied by a drill that saw nothing."""
    gate = record.gates[0].model_copy(update={"verdict": verdict})
    changed = record.model_copy(update={"verdict": verdict, "gates": (gate, *record.gates[1:])})
    predicate = stated(changed, manifest)["predicate"]

    assert predicate["result"] == result
    assert f"gate/{gate.id}" in predicate[where]
    assert sum(f"gate/{gate.id}" in predicate[one] for one in ("passedTests", "warnedTests", "failedTests")) == 1


def test_uncommitted_changes_are_said_beside_the_commit(record: DrillRecord, manifest: Manifest) -> None:
    """Who looks only at the commit still sees that no commit holds what was drilled."""
    dirty = record.provenance.model_copy(update={"dirty": True})
    statement = stated(record.model_copy(update={"provenance": dirty}), manifest)

    assert statement["subject"][0]["annotations"] == {"uncommittedChanges": True}
    assert "annotations" not in stated(record, manifest)["subject"][0]


def test_an_unknown_commit_is_no_subject(record: DrillRecord, manifest: Manifest) -> None:
    """Then the manifest alone is what is spoken of."""
    statement = stated(record.model_copy(update={"provenance": Provenance()}), manifest)

    assert [list(subject["digest"]) for subject in statement["subject"]] == [["sha256"]]


def test_the_page_of_the_job_and_the_profile_are_named_where_they_are_known(
    record: DrillRecord, manifest: Manifest
) -> None:
    """A record that does not know them leaves them out."""
    target = record.target.model_copy(update={"profile_digest": "sha256:ab"})
    predicate = stated(record.model_copy(update={"run_url": "https://ci.example/1", "target": target}), manifest)[
        "predicate"
    ]

    assert predicate["url"] == "https://ci.example/1"
    assert {"name": "target-profile", "digest": {"sha256": "ab"}} in predicate["configuration"]
    assert "url" not in stated(record, manifest)["predicate"]


def test_the_drills_own_statement_binds_report_record_and_ledger(record: DrillRecord, manifest: Manifest) -> None:
    """Figures, decision and digests stand in it, and a rehearsal is called one."""
    statement = stated(record, manifest, "drill")
    predicate = statement["predicate"]

    assert statement["predicateType"] == "https://github.com/openagents/khala-drills/drill/v1"
    assert (predicate["verdict"], predicate["decision"]["value"]) == (record.verdict, record.decision.value)
    assert (predicate["ledgerHead"], predicate["ledgerEntries"]) == (record.ledger_head, record.ledger_entries)
    assert (predicate["report"], predicate["record"]) == (manifest.report.sha256, digest_of_bytes(b"{}\n"))
    assert predicate.get("rehearsalWindowSeconds") == record.target.rehearsal_window_seconds
    assert predicate["switchesRestored"] is record.is_restored
    assert {gate["id"] for gate in predicate["gates"]} == {gate.id for gate in record.gates}


def test_a_figure_that_is_no_number_is_a_word(record: DrillRecord, manifest: Manifest) -> None:
    """NaN has no place in JSON."""
    gate = record.gates[0].model_copy(update={"observed": float("nan")})
    statement = stated(record.model_copy(update={"gates": (gate,)}), manifest, "drill")

    assert statement["predicate"]["gates"][0]["observed"] == "NaN"


def test_a_statement_is_canonical(record: DrillRecord, manifest: Manifest) -> None:
    """Sorted, without spaces: the same record and manifest give the same bytes in any language."""
    encoded = statements(record, manifest)["drill"].encode()

    assert encoded == orjson.dumps(orjson.loads(encoded), option=orjson.OPT_SORT_KEYS)
    assert encoded == statements(record, manifest)["drill"].encode()
