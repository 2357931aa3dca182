"""Records as a drill leaves them: a passed rehearsal, a failed drill, an interrupted one, one without a remote."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drills.evidence.drill_record import (
    Decision,
    DrillRecord,
    JudgedArtefact,
    JudgedCheck,
    JudgedItem,
    JudgedRollback,
    Moment,
)
from drills.evidence.records import (
    Artefact,
    CommitFacts,
    Interval,
    JudgedGate,
    Observation,
    Provenance,
    Relation,
    Restored,
    Samples,
    Scalar,
    Series,
    SwitchFlipped,
    SwitchRestored,
    TargetFacts,
    Verdict,
)

START = datetime(2026, 2, 20, 14, 3, 12, 400_000, tzinfo=UTC)
RUNBOOK = tomllib.loads((Path(__file__).parent / "runbook.toml").read_text("utf-8"))
YES, NO = True, False
SURFACES = ("web", "mobile", "desktop")
KEYS = {
    "web": "VITE_KHALA_SYNC_ENABLED",
    "mobile": "EXPO_PUBLIC_KHALA_SYNC_ENABLED",
    "desktop": "OA_DESKTOP_KHALA_SYNC_ENABLED",
}


def at(seconds: float) -> datetime:
    """Return the moment this many seconds after the start of the drill."""
    return START + timedelta(seconds=seconds)


def a_check(
    item: str, name: str, title: str, observed: Scalar, relation: str, expected: Scalar, **more: str
) -> JudgedCheck:
    """Return a check with the verdict that its figures deserve where they are equal or ordered, FAIL otherwise."""
    held = {"==": observed == expected}.get(relation)
    if held is None and isinstance(observed, int | float) and isinstance(expected, int | float):
        held = {">": observed > expected, ">=": observed >= expected, "<=": observed <= expected}[relation]
    return JudgedCheck(
        id=f"{item}.{name}",
        item=item,
        title=title,
        observed=observed,
        relation=Relation(relation),
        expected=expected,
        unit=more.get("unit", ""),
        surface=more.get("surface"),
        step=more.get("step"),
        evidence=tuple(more["evidence"].split()) if "evidence" in more else (),
        note=more.get("note", ""),
        verdict=Verdict.PASS if held else Verdict.FAIL,
        at=at(12),
    )


def an_item(
    kind: str, name: str, *checks: JudgedCheck, seconds: float = 1.2, observations: tuple[Observation, ...] = ()
) -> JudgedItem:
    """Return an item of the runbook, as bad as the worst of its checks."""
    entry = next(one for one in RUNBOOK[kind] if one["id"] == name)
    broken = [check for check in checks if check.verdict is not Verdict.PASS]
    return JudgedItem(
        id=name,
        title=entry["title"],
        source=entry["source"],
        verdict=Verdict.FAIL if broken else Verdict.PASS,
        reason=f"{len(broken)} of {len(checks)} checks did not hold" if broken else f"all {len(checks)} checks held",
        seconds=seconds,
        checks=checks,
        observations=observations,
    )


def an_artefact(name: str, category: str, path: str, title: str, **more: str) -> Artefact:
    """Return an artefact whose size and hash follow from its path."""
    kinds = {
        "png": "image/png",
        "svg": "image/svg+xml",
        "csv": "text/csv",
        "json": "application/json",
        "log": "text/plain",
    }
    return Artefact(
        id=name,
        category=category,
        path=path,
        media_type=kinds[path.rpartition(".")[2]],
        title=title,
        size=1_000 + 777 * len(path),
        sha256=hashlib.sha256(path.encode()).hexdigest(),
        redactions=3 if path.endswith("log") else 0,
        item=more.get("item"),
        surface=more.get("surface"),
    )


def _gate(
    name: str, observed: float | None, relation: str, threshold: float | None, samples: int, worst_at: float = 20
) -> JudgedGate:
    entry = next(one for one in RUNBOOK["gates"] if one["id"] == name)
    return JudgedGate(
        id=name,
        title=entry["title"],
        source=entry["source"],
        verdict=Verdict.PASS,
        reason="inside the threshold over the whole window",
        unit=entry["unit"],
        observed=observed,
        relation=relation,
        threshold=threshold,
        margin=None if observed is None or threshold is None else threshold - observed,
        window_seconds=24,
        runbook_window_seconds=3600,
        covered_seconds=23.6,
        sample_count=samples,
        worst=observed,
        worst_at=at(worst_at),
    )


def _surface_item(surface: str) -> JudgedItem:
    shots = f"{surface}-before {surface}-after"
    return an_item(
        "checklist",
        surface,
        a_check(
            surface,
            "joined",
            "Joined sync:v1 and subscribed runtime.codex_worker_summaries",
            YES,
            "==",
            YES,
            surface=surface,
            evidence=shots,
        ),
        a_check(
            surface,
            "lane",
            "Lane proved by traffic",
            "khala",
            "==",
            "khala",
            surface=surface,
            evidence=f"{surface}-after {surface}-traffic",
        ),
        a_check(
            surface,
            "updates",
            "Live updates that changed a row and arrived in a frame",
            5,
            ">=",
            3,
            unit="updates",
            surface=surface,
        ),
        a_check(surface, "latency", "Authority write to DOM, p95", 142.7, "<=", 2000, unit="ms", surface=surface),
        a_check(
            surface,
            "legacy",
            "Legacy requests after the first hydration",
            0,
            "==",
            0,
            unit="requests",
            surface=surface,
            note="watched for 6 s, more than one polling interval",
        ),
        seconds=2.4,
        observations=(
            Observation(
                id=f"{surface}-traffic",
                item=surface,
                title="Traffic on the Khala lane",
                facts={"frames_received": 37, "updates_applied": 5, "legacy_requests": 0, "first_frame_ms": 84.2},
                surface=surface,
            ),
        ),
    )


def _rollback_item() -> JudgedItem:
    checks = []
    for number, surface in enumerate(SURFACES):
        checks += [
            a_check(
                "rollback",
                f"{surface}-off",
                "Seconds until the legacy lane was proved",
                2.31 + number,
                "<=",
                300,
                unit="s",
                surface=surface,
                step="verify-fallback",
            ),
            a_check(
                "rollback",
                f"{surface}-lost",
                "Documents behind the authority after recovery",
                0,
                "==",
                0,
                unit="documents",
                surface=surface,
                step="recover",
            ),
        ]
    return an_item("checklist", "rollback", *checks, seconds=11.8)


def _artefacts() -> tuple[Artefact, ...]:
    shots = [
        an_artefact(
            f"{surface}-{when}",
            f"state-{when}",
            f"{surface}-{when}.png",
            f"{surface.capitalize()} {when} the flag",
            item=surface,
            surface=surface,
        )
        for surface in SURFACES
        for when in ("before", "after")
    ]
    return (
        *shots,
        *(
            an_artefact(
                f"dashboard-{when}",
                "dashboard-screenshot",
                f"dashboard-{when}.png",
                f"Parity dashboard, {when}",
                item="artefacts",
            )
            for when in ("start", "middle", "end")
        ),
        an_artefact(
            "mismatch-png",
            "mismatch-rate-snapshot",
            "metrics/mismatch-rate.png",
            "Parity mismatch rate",
            item="artefacts",
        ),
        an_artefact(
            "mismatch-svg",
            "mismatch-rate-snapshot",
            "metrics/mismatch-rate.svg",
            "Parity mismatch rate (SVG)",
            item="artefacts",
        ),
        an_artefact("drift-png", "lag-drift-snapshot", "metrics/lag-drift.png", "Lag drift p95", item="artefacts"),
        an_artefact(
            "breakdown-csv", "mismatch-breakdown", "mismatch-reasons.csv", "Mismatch reasons", item="artefacts"
        ),
        an_artefact(
            "breakdown-json", "mismatch-breakdown", "mismatch-reasons.json", "Mismatch reasons (JSON)", item="artefacts"
        ),
        an_artefact("commands", "command-log", "commands.log", "Command log", item="artefacts"),
        an_artefact(
            "auditor-log",
            "runtime-log",
            "sync_parity_auditor.log",
            "Runtime log, component sync_parity_auditor",
            item="parity-auditor",
        ),
    )


def _commits() -> tuple[CommitFacts, ...]:
    subjects = (
        ("Keep the parity auditor on while the sink is rolled back (#412)", ("#412",)),
        ("Persist the mobile watermark before applying an update", ("KHALA-022", "#409")),
        ("Raise the replay batch to 200", ()),
    )
    return tuple(
        CommitFacts(
            sha=hashlib.sha256(subject.encode()).hexdigest()[:40],
            subject=subject,
            author="R. Operator",
            committed_at=at(-7_200 * (number + 1)),
            url=f"https://github.com/openagents/runtime/commit/{hashlib.sha256(subject.encode()).hexdigest()[:40]}",
            issues=issues,
        )
        for number, (subject, issues) in enumerate(subjects)
    )


def _flips() -> tuple[SwitchFlipped, ...]:
    moments = []
    for number, surface in enumerate(SURFACES):
        for step, (before, after) in enumerate(
            (("false", "true"), ("true", "false"), ("false", "true"), ("true", "false"))
        ):
            asked = at(3 + 2.2 * number + 6 * step)
            moments.append(
                SwitchFlipped(
                    switch=surface,
                    before=before,
                    after=after,
                    requested_at=asked,
                    confirmed_at=asked + timedelta(seconds=0.6),
                    by="restore" if step == 3 else "drill",
                    item=surface if step == 0 else "rollback",
                    surface=surface,
                )
            )
    return tuple(sorted(moments, key=lambda flip: flip.requested_at))


def _rollbacks() -> tuple[JudgedRollback, ...]:
    def one(subject: str, level: int, switch: str, before: str, off: float) -> JudgedRollback:
        return JudgedRollback(
            subject=subject,
            level=level,
            switch=switch,
            before=before,
            off_requested_at=at(off),
            fallback_at=at(off + 2.31),
            on_requested_at=at(off + 3),
            recovered_at=at(off + 4.842),
            seconds_to_fallback=2.31,
            seconds_to_recover=1.842,
            objective_seconds=300,
            verdict=Verdict.PASS,
            reason="fell back and recovered inside the objective",
        )

    surfaces = tuple(one(surface, 1, surface, "true", 9 + 2.2 * number) for number, surface in enumerate(SURFACES))
    return (*surfaces, one("runtime sink path", 2, "sink-path", "dual", 19))


def _required() -> tuple[JudgedArtefact, ...]:
    pieces = {
        "report": (),
        "verdicts": (),
        "metric-snapshots": ("mismatch-png", "drift-png"),
        "rollback-evidence": (
            "web-before",
            "web-after",
            "mobile-before",
            "mobile-after",
            "desktop-before",
            "desktop-after",
        ),
    }
    return tuple(
        JudgedArtefact(
            id=entry["id"],
            title=entry["title"],
            source=entry["source"],
            verdict=Verdict.PASS,
            reason=f"{len(pieces[entry['id']])} pieces" if pieces[entry["id"]] else "this report",
            artefacts=pieces[entry["id"]],
        )
        for entry in RUNBOOK["artefacts"]
    )


def _restored() -> Restored:
    def switch(name: str, baseline: str, found: str) -> SwitchRestored:
        return SwitchRestored(
            switch=name,
            baseline=baseline,
            found=found,
            final=baseline,
            restored=True,
            by="drill",
            verified="read back, and the surface answered with the legacy lane" if name in KEYS else "read back",
        )

    return Restored(
        switches=(
            *(switch(surface, "false", "true") for surface in SURFACES),
            switch("sink-path", "dual", "dual"),
            switch("parity-auditor", "false", "true"),
        )
    )


def _samples() -> Samples:
    times = tuple((START + timedelta(seconds=second)).timestamp() for second in range(40))
    name = "openagents_runtime_sync_parity_cycle_count"
    series = tuple(
        Series(metric=name, labels={"status": status}, times=times, values=tuple(map(float, range(40))))
        for status in ("ok", "mismatch")
    )
    return Samples(source="scrape of /metrics", started_at=at(0), finished_at=at(39), interval_seconds=1, series=series)


def _preconditions() -> tuple[JudgedItem, ...]:
    return (
        an_item("preconditions", "dual-publish", a_check("dual-publish", "sink", "Sink path", "dual", "==", "dual")),
        an_item(
            "preconditions",
            "parity-auditor",
            a_check("parity-auditor", "flag", "khala_sync_parity_enabled can be set", YES, "==", YES),
        ),
        an_item(
            "preconditions",
            "parity-dashboard",
            a_check("parity-dashboard", "panels", "Panels on the dashboard", 5, ">=", 5, unit="panels"),
        ),
        an_item(
            "preconditions",
            "client-flags",
            a_check("client-flags", "flags", "Flags that can be switched by themselves", 3, "==", 3, unit="flags"),
        ),
    )


def _checklist() -> tuple[JudgedItem, ...]:
    return (
        an_item(
            "checklist",
            "parity-auditor",
            a_check("parity-auditor", "cycles", "Audit cycles after enabling", 12, ">=", 2, unit="cycles"),
            a_check(
                "parity-auditor",
                "sampled",
                "Checkpoints compared",
                108,
                ">",
                0,
                unit="checkpoints",
                evidence="auditor-log",
            ),
            a_check("parity-auditor", "silent", "No cycle was counted while the auditor was off", YES, "==", YES),
        ),
        *(_surface_item(surface) for surface in SURFACES),
        _rollback_item(),
        an_item(
            "checklist",
            "artefacts",
            a_check(
                "artefacts",
                "screenshots",
                "Dashboard screenshots",
                3,
                ">=",
                3,
                evidence="dashboard-start dashboard-middle dashboard-end",
            ),
            a_check("artefacts", "log", "Commands logged", 41, ">=", 1, unit="commands", evidence="commands"),
        ),
    )


def passed_rehearsal() -> DrillRecord:
    """Return a drill of the embedded target in which everything held."""
    head = _commits()[0]
    return DrillRecord(
        drill_id="2026-02-20-khala-cutover-7c1e",
        slug="khala-cutover",
        title="Khala runtime/Codex staging drill",
        issue="KHALA-022",
        operator="R. Operator (runtime lane)",
        runbook=RUNBOOK,
        runbook_digest="sha256:" + hashlib.sha256(b"runbook").hexdigest(),
        target=TargetFacts(
            name="embedded",
            environment="embedded",
            urls={"runtime": "http://127.0.0.1:8700"},
            settings={"lane-target-ms": 1500, "incident-threshold": 0.05},
            rehearsal_window_seconds=24,
        ),
        provenance=Provenance(
            commit=head,
            branch="main",
            dirty=False,
            remote_url="https://github.com/openagents/runtime",
            commits_since=_commits(),
            since="5e0c1f2a9b7d4c8e6f0a1b2c3d4e5f60718293a4",
        ),
        versions={"khala-drills": "0.1.0", "python": "3.11.2", "chromium": "156.0", "playwright": "1.65.0"},
        command="drill run --target embedded",
        faults=(),
        started_at=at(0),
        finished_at=at(38.4),
        outcome="completed",
        outcome_reason="",
        verdict=Verdict.PASS,
        reasons=(
            "all 6 checklist items, 5 gates, 4 rollbacks and 4 required artefacts passed",
            "every switch is back at its baseline",
        ),
        decision=Decision(
            value="NO-GO",
            stage="stage-b",
            reasons=(
                "a rehearsal on the embedded target can never open a real stage",
                "gates were held for 24 s of the runbook's 1 h",
            ),
            owner="R. Operator",
            decided_at=at(38.4),
        ),
        preconditions=_preconditions(),
        checklist=_checklist(),
        gates=(
            _gate("parity-mismatch-rate", 0.00231, "<", 0.01, 432),
            _gate("khala-missing", 0.0, "trend_to_zero", 0.5, 12),
            _gate("lag-drift", 0.0, "<=", 0.5, 432),
            _gate("replay-catch-up", 212.4, "<=", 1500, 24),
            _gate("stale-cursor-rate", 0.0, "<", 0.05, 24),
        ),
        rollback=_rollbacks(),
        required_artefacts=_required(),
        restored=_restored(),
        switches=_flips(),
        disturbances=tuple(
            Interval(started_at=at(9 + 5 * n), finished_at=at(11.4 + 5 * n), reason=f"rollback of {s}")
            for n, s in enumerate(SURFACES)
        ),
        artefacts=_artefacts(),
        timeline=(
            Moment(at=at(0), kind="drill", text="Drill started on embedded"),
            *(
                Moment(at=flip.confirmed_at, kind="switch", text=f"{flip.switch}: {flip.before} → {flip.after}")
                for flip in _flips()
            ),
            *(
                Moment(at=at(27 + n), kind="verdict", text=f"{item.source} {item.title}: PASS")
                for n, item in enumerate(_checklist())
            ),
        ),
        residual_risks=(
            "The target was embedded: nothing was shown about the real staging's network, data volume or deployment.",
            "Gates were judged over 24 s; the runbook asks for 1 h.",
            "Mobile was drilled as mobile web, not as an app build.",
        ),
        samples=_samples(),
        ledger_head="sha256:" + hashlib.sha256(b"ledger").hexdigest(),
        ledger_entries=214,
    )


def failed_drill() -> DrillRecord:
    """Return a drill in which the mobile app booted the Convex provider and two gates were not green."""
    good = passed_rehearsal()
    mobile = an_item(
        "checklist",
        "mobile",
        a_check("mobile", "joined", "Joined sync:v1", YES, "==", YES, surface="mobile", evidence="mobile-after"),
        a_check(
            "mobile",
            "convex",
            "Requests to the Convex host from app start on",
            4,
            "==",
            0,
            unit="requests",
            surface="mobile",
            evidence="mobile-after",
        ),
        a_check("mobile", "provider", "Convex provider booted", YES, "==", NO, surface="mobile"),
    )
    rate, missing, *rest = good.gates
    rollback = good.rollback[1].model_copy(
        update={
            "verdict": Verdict.FAIL,
            "recovered_at": None,
            "seconds_to_recover": None,
            "reason": "the Khala lane was not proved again within 300 s",
        }
    )
    return good.model_copy(
        update={
            "verdict": Verdict.FAIL,
            "reasons": (
                "§5.3 mobile: the Convex host was contacted 4 times",
                "gate parity-mismatch-rate: 0.031 is not below 0.01",
            ),
            "checklist": (*good.checklist[:2], mobile, *good.checklist[3:]),
            "gates": (
                rate.model_copy(
                    update={
                        "verdict": Verdict.FAIL,
                        "observed": 0.0312,
                        "margin": -0.0212,
                        "worst": 0.0487,
                        "reason": "0.0312 is not below 0.01; worst 0.0487",
                    }
                ),
                missing.model_copy(
                    update={
                        "verdict": Verdict.INCONCLUSIVE,
                        "observed": None,
                        "margin": None,
                        "worst": None,
                        "worst_at": None,
                        "covered_seconds": 4.1,
                        "sample_count": 2,
                        "reason": "2 samples of at least 5; 4.1 s covered of 24 s",
                    }
                ),
                *rest,
            ),
            "rollback": (good.rollback[0], rollback, *good.rollback[2:]),
            "faults": ("convex-boots-anyway", "khala-lag"),
            "provenance": good.provenance.model_copy(update={"dirty": True}),
        }
    )


def interrupted_drill() -> DrillRecord:
    """Return a drill that was interrupted, after which one switch could not be put back."""
    good = passed_rehearsal()
    assert good.restored is not None
    web, *others = good.restored.switches
    left = web.model_copy(
        update={
            "final": "true",
            "restored": False,
            "by": "watchdog",
            "verified": "the operator API answered 503 for 60 s",
        }
    )
    unattempted = [
        item.model_copy(
            update={
                "verdict": Verdict.NOT_RUN,
                "checks": (),
                "observations": (),
                "seconds": None,
                "reason": "the drill was interrupted before this item",
            }
        )
        for item in good.checklist[2:]
    ]
    return good.model_copy(
        update={
            "outcome": "interrupted",
            "outcome_reason": "SIGTERM",
            "verdict": Verdict.INCONCLUSIVE,
            "reasons": ("the drill was interrupted: SIGTERM", "1 switch is not proved to be back"),
            "checklist": (*good.checklist[:2], *unattempted),
            "rollback": (),
            "restored": Restored(switches=(left, *others), problems=("web: no answer from the operator API",)),
            "samples": None,
        }
    )


def without_remote() -> DrillRecord:
    """Return the passed rehearsal from a checkout that has no remote, or one nobody knows how to link to."""
    good = passed_rehearsal()
    assert good.provenance.commit is not None
    since = tuple(commit.model_copy(update={"url": None}) for commit in good.provenance.commits_since)
    provenance = good.provenance.model_copy(
        update={
            "commit": since[0],
            "remote_url": None,
            "commits_since": since,
            "note": "no remote: commits are not linked",
        }
    )
    return good.model_copy(update={"provenance": provenance})


@pytest.fixture
def passed_record() -> DrillRecord:
    return passed_rehearsal()


@pytest.fixture
def failed_record() -> DrillRecord:
    return failed_drill()


@pytest.fixture
def interrupted_record() -> DrillRecord:
    return interrupted_drill()


@pytest.fixture
def remoteless_record() -> DrillRecord:
    return without_remote()


@pytest.fixture
def hostile() -> Callable[[DrillRecord, str], DrillRecord]:
    """Return a function that puts one hostile text into every free text of a record."""
    return with_text_everywhere


def with_text_everywhere(record: DrillRecord, text: str) -> DrillRecord:
    """Return ``record`` with ``text`` as every title, reason, label, subject, note and observed string in it."""
    check = (
        record.checklist[0]
        .checks[0]
        .model_copy(
            update={
                "title": text,
                "observed": text,
                "expected": text,
                "note": text,
                "surface": text,
                "evidence": (text, "commands"),
            }
        )
    )
    seen = Observation(id=text, item="web", title=text, facts={text: text}, surface=text)
    item = record.checklist[0].model_copy(
        update={"title": text, "reason": text, "source": text, "checks": (check,), "observations": (seen,)}
    )
    missing = item.model_copy(update={"verdict": Verdict.NOT_RUN, "checks": ()})
    commit = CommitFacts(
        sha="a" * 40,
        subject=text,
        author=text,
        committed_at=START,
        url="https://example.org/commit/" + "a" * 40,
        issues=(text, "#7"),
    )
    kept = Artefact(
        id="commands", category=text, path="commands.log", media_type="text/plain", title=text, size=1, sha256="0" * 64
    )
    shot = kept.model_copy(update={"id": "shot", "path": "shot.png", "media_type": "image/png"})
    return record.model_copy(
        update={
            "title": text,
            "issue": text,
            "operator": text,
            "command": text,
            "faults": (text,),
            "outcome": "interrupted",
            "outcome_reason": text,
            "reasons": (text,),
            "decision": record.decision.model_copy(update={"reasons": (text,), "stage": text, "owner": text}),
            "target": record.target.model_copy(update={"name": text}),
            "versions": {text: text},
            "provenance": Provenance(
                commit=commit, branch=text, dirty=True, commits_since=(commit,), since=text, note=text
            ),
            "preconditions": (missing,),
            "checklist": (item, missing),
            "gates": tuple(
                gate.model_copy(
                    update={"verdict": Verdict.FAIL, "title": text, "reason": text, "unit": text, "relation": text}
                )
                for gate in record.gates
            ),
            "rollback": tuple(
                one.model_copy(
                    update={"verdict": Verdict.FAIL, "subject": text, "reason": text, "before": text, "switch": text}
                )
                for one in record.rollback
            ),
            "required_artefacts": tuple(
                one.model_copy(update={"title": text, "reason": text, "artefacts": (text, "commands")})
                for one in record.required_artefacts
            ),
            "restored": Restored(
                switches=(
                    SwitchRestored(
                        switch=text, baseline=text, found=text, final=text, restored=False, by="drill", verified=text
                    ),
                ),
                problems=(text,),
            ),
            "disturbances": (Interval(started_at=START, finished_at=START, reason=text),),
            "artefacts": (kept, shot),
            "timeline": (Moment(at=START, kind=text, text=text),),
            "residual_risks": (text,),
            "samples": record.samples.model_copy(update={"source": text, "problems": (text,)})
            if record.samples
            else None,
        }
    )
