"""What a publication attests, as in-toto Statements v1: computed from its record and its manifest, and from no more.

The first carries the common test-result predicate, https://in-toto.io/attestation/test-result/v0.1, for policies that
know nothing of drills. The second carries the drill's own figures under :data:`DRILL_PREDICATE`; `docs/evidence.md`
explains its fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import orjson
import rfc8785
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from drills.canonical import digest_of_bytes
from drills.evidence.drill_record import DrillRecord, JudgedRollback
from drills.evidence.environment import CONSTRAINTS
from drills.evidence.manifest import MANIFEST, Manifest
from drills.evidence.publication import RECORD
from drills.evidence.records import Frozen, JudgedGate, Scalar, Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT_PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
#: A name for the form of the second predicate; like every in-toto type it need not open as a page.
DRILL_PREDICATE = "https://github.com/openagents/khala-drills/drill/v1"
#: A result is PASSED only when all of it was observed, and as expected; what could not be observed is a warning.
RESULTS: dict[Verdict, Literal["PASSED", "WARNED", "FAILED"]] = {
    Verdict.PASS: "PASSED",
    Verdict.INCONCLUSIVE: "WARNED",
    Verdict.NOT_RUN: "WARNED",
    Verdict.FAIL: "FAILED",
}


class Member(Frozen):
    """A part of a statement; in JSON its names are in camel case, as in-toto has them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Resource(Member):
    """An in-toto ResourceDescriptor: something known by its digest."""

    name: str | None = None
    uri: str | None = None
    digest: dict[str, str]
    media_type: str | None = None
    annotations: dict[str, Scalar] | None = None


class TestResult(Member):
    """The test-result predicate. The names of tests are ``kind/id``, such as ``checklist/web``."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: tuple[Resource, ...]
    url: str | None = None
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]


class AttestedGate(Member):
    """A gate with its figures; what was not observed is left out."""

    id: str
    verdict: Verdict
    observed: float | None = None
    relation: str
    threshold: float | None = None
    unit: str
    sample_count: int


class AttestedRollback(Member):
    """How long it took to fall back and to recover."""

    subject: str
    verdict: Verdict
    seconds_to_fallback: float | None = None
    seconds_to_recover: float | None = None
    objective_seconds: float


class AttestedDecision(Member):
    """The decision about the next stage."""

    value: Literal["GO", "NO-GO"]
    stage: str
    owner: str
    decided_at: datetime
    reasons: tuple[str, ...]


class DrillDetail(Member):
    """The drill's own predicate. ``record``, ``ledger_head`` and ``report`` are the digests of what was published."""

    drill_id: str
    title: str
    issue: str
    operator: str
    target: str
    environment: str
    rehearsal_window_seconds: int | None = None
    faults: tuple[str, ...]
    uncommitted_changes: bool | None = None
    started_at: datetime
    finished_at: datetime
    outcome: str
    verdict: Verdict
    decision: AttestedDecision
    gates: tuple[AttestedGate, ...]
    rollback: tuple[AttestedRollback, ...]
    switches_restored: bool
    residual_risks: tuple[str, ...]
    versions: dict[str, str]
    record: str
    report: str
    ledger_head: str
    ledger_entries: int


class Statement(Member):
    """An in-toto Statement v1."""

    type: str = Field(default=STATEMENT_TYPE, alias="_type")
    subject: tuple[Resource, ...]
    predicate_type: str
    predicate: TestResult | DrillDetail

    def encode(self) -> bytes:
        """Return the statement in canonical JSON (RFC 8785), so that anyone computes the same bytes."""
        return rfc8785.dumps(orjson.loads(self.model_dump_json(by_alias=True, exclude_none=True)))


def statements(record: DrillRecord, manifest: Manifest) -> dict[str, Statement]:
    """Return both statements by the name under which each is published."""
    subject = tuple(_subject(record, manifest))
    return {
        "test-result": Statement(
            subject=subject, predicate_type=TEST_RESULT_PREDICATE, predicate=_test_result(record, manifest)
        ),
        "drill": Statement(subject=subject, predicate_type=DRILL_PREDICATE, predicate=_detail(record, manifest)),
    }


def _subject(record: DrillRecord, manifest: Manifest) -> Iterator[Resource]:
    """Yield the commit under drill, if it is known, and the manifest, which holds the digest of everything else."""
    commit = record.provenance.commit
    if commit is not None:
        changed = {"uncommittedChanges": True} if record.provenance.dirty else None
        yield Resource(name="commit", uri=commit.url, digest={"gitCommit": commit.sha}, annotations=changed)
    yield Resource(
        name=f"{manifest.name}/{MANIFEST}",
        digest=_sha256(digest_of_bytes(manifest.encode())),
        media_type="application/json",
    )


def _test_result(record: DrillRecord, manifest: Manifest) -> TestResult:
    tests = list(_tests(record))

    def named(result: str) -> tuple[str, ...]:
        return tuple(name for name, verdict in tests if RESULTS[verdict] == result)

    return TestResult(
        result=RESULTS[record.verdict],
        configuration=tuple(_configuration(record, manifest)),
        url=record.run_url,
        passed_tests=named("PASSED"),
        warned_tests=named("WARNED"),
        failed_tests=named("FAILED"),
    )


def _tests(record: DrillRecord) -> Iterator[tuple[str, Verdict]]:
    yield from ((f"precondition/{item.id}", item.verdict) for item in record.preconditions)
    yield from ((f"checklist/{item.id}", item.verdict) for item in record.checklist)
    yield from ((f"gate/{gate.id}", gate.verdict) for gate in record.gates)
    yield from ((f"rollback/{rollback.subject}", rollback.verdict) for rollback in record.rollback)
    yield from ((f"artefact/{required.id}", required.verdict) for required in record.required_artefacts)


def _configuration(record: DrillRecord, manifest: Manifest) -> Iterator[Resource]:
    """Yield what the drill was configured with. A record of an earlier version does not name all of it."""
    yield Resource(name="runbook", digest=_sha256(record.runbook_digest))
    if record.target.profile_digest:
        yield Resource(name="target-profile", digest=_sha256(record.target.profile_digest))
    for file in manifest.files:
        if file.path == CONSTRAINTS:
            yield Resource(name=CONSTRAINTS, digest=_sha256(file.sha256), media_type=file.media_type)


def _detail(record: DrillRecord, manifest: Manifest) -> DrillDetail:
    published = {file.path: file.sha256 for file in manifest.files}
    return DrillDetail(
        drill_id=record.drill_id,
        title=record.title,
        issue=record.issue,
        operator=record.operator,
        target=record.target.name,
        environment=record.target.environment,
        rehearsal_window_seconds=record.target.rehearsal_window_seconds,
        faults=record.faults,
        uncommitted_changes=record.provenance.dirty,
        started_at=record.started_at,
        finished_at=record.finished_at,
        outcome=record.outcome,
        verdict=record.verdict,
        decision=AttestedDecision.model_validate(record.decision.model_dump()),
        gates=tuple(map(_gate, record.gates)),
        rollback=tuple(map(_rollback, record.rollback)),
        switches_restored=record.is_restored,
        residual_risks=record.residual_risks,
        versions=record.versions,
        record=published.get(RECORD, ""),
        report=manifest.report.sha256,
        ledger_head=manifest.ledger_head,
        ledger_entries=manifest.ledger_entries,
    )


def _gate(gate: JudgedGate) -> AttestedGate:
    return AttestedGate(
        id=gate.id,
        verdict=gate.verdict,
        observed=gate.observed,
        relation=gate.relation,
        threshold=gate.threshold,
        unit=gate.unit,
        sample_count=gate.sample_count,
    )


def _rollback(rollback: JudgedRollback) -> AttestedRollback:
    return AttestedRollback(
        subject=rollback.subject,
        verdict=rollback.verdict,
        seconds_to_fallback=rollback.seconds_to_fallback,
        seconds_to_recover=rollback.seconds_to_recover,
        objective_seconds=rollback.objective_seconds,
    )


def _sha256(digest: str) -> dict[str, str]:
    """Return a digest, written ``sha256:<hex>``, as in-toto writes it."""
    return {"sha256": digest.removeprefix("sha256:")}
