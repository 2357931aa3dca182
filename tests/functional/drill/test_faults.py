"""Every check has been seen to fail: each injected fault turns the right item or gate red, and the report says why."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Verdict
from drills.staging.store import Store
from drills.target.embedded import CAUGHT_BY, fault_names


@dataclass(frozen=True)
class Catch:
    """What a fault must turn red: an item, gate or precondition, the words that say why, and these of its checks."""

    fault: str
    red: str
    words: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One drill with faults that do not hide each other, the scenarios that are run, and how it ends.

    Where a surface does not show that it is back on its old lane, the drill ends with 11.
    """

    scenarios: str
    catches: tuple[Catch, ...]
    code: int = 1

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults to inject."""
        return tuple(dict.fromkeys(catch.fault for catch in self.catches))


#: What a fault keeps from happening is waited for no longer than this; what happens in spite of it, happens sooner.
IMPATIENT = {"DRILL_TARGET_PATIENCE_SECONDS": "5"}
JOINED, CARRIED = "sockets that joined sync:v1", "authority events that arrived in frames of sync:v1"
CONTACTS, FALLBACK = "contacts with the legacy host from app start on", "authority events that arrived in answers"
LINGERS, OTHERS = "Khala sockets opened", "other client flags that changed with this one"
STILL_KHALA, STILL_LEGACY = "surfaces that still got updates over Khala", "the legacy lane still gets authority"
TRIALS = [
    Trial(
        "web",
        (
            Catch(
                "khala-drop",
                "item web",
                f"Web admin: {CARRIED} [web]: observed 0 ",
                ("khala-carried", "khala-in-time", "nothing-lost"),
            ),
        ),
    ),
    Trial(
        "web or parity_auditor or artefacts",
        (
            Catch("stale-ignored", "item artefacts", "is told stale, or replayed without a gap", ("old-cursor",)),
            Catch("khala-corrupt", "item web", "workers whose status equals the authority's", ("status-agrees",)),
            Catch("khala-corrupt", "item parity-auditor", "by the drill's own audit: observed", ("lanes-agree",)),
            Catch("auditor-lenient", "item parity-auditor", "the drill's own lie apart", ("auditor-agrees",)),
            Catch("auditor-skips", "item parity-auditor", "compares in a cycle", ("auditor-samples-all",)),
        ),
    ),
    Trial(
        "web",
        (
            Catch(
                "khala-lag",
                "item web",
                "Web admin: authority events shown within 2 s [web]: observed 0 ",
                ("khala-in-time",),
            ),
        ),
    ),
    Trial(
        "web or parity_auditor",
        (
            Catch("khala-stall", "item web", f"Web admin: {JOINED} [web]: observed 0 ", ("khala-joined",)),
            Catch("flag-shared", "item web", f"Web admin: {OTHERS} [web]: observed 1 ", ("independent",)),
            Catch("auditor-unstoppable", "item parity-auditor", "counted while the auditor is off", ("cycles-stop",)),
            Catch(
                "auditor-blind",
                "item parity-auditor",
                "Entities compared after enabling: observed 0",
                ("entities-advance", "sampled-advance"),
            ),
        ),
    ),
    Trial(
        "rollback",
        (
            Catch("stale-cursor", "gate stale-cursor-rate", "worst 1"),
            Catch(
                "sink-forgets",
                "item rollback",
                "Khala holds every document at the legacy lane's version",
                ("re-projected", "nothing-lost-runtime", "alerts-stop"),
            ),
            Catch("khala-lingers-web", "item rollback", f"Web admin: {LINGERS}", ("khala-stopped-fallback",)),
        ),
        code=11,
    ),
    Trial(
        "parity_auditor or artefacts",
        (
            Catch("auditor-silent", "item parity-auditor", "after enabling: observed 0 cycles", ("cycles-advance",)),
            Catch(
                "dashboard-short", "precondition dashboard-available", "Panels that the dashboard draws", ("panels",)
            ),
        ),
    ),
    Trial(
        "web or mobile or desktop",
        (
            Catch("flag-ignored-web", "item web", f"Web admin: {JOINED} [web]: observed 0 ", ("legacy-stopped",)),
            Catch("flag-ignored-mobile", "item mobile", f"Mobile: {CONTACTS} [mobile]: observed ", ("forbidden-host",)),
            Catch(
                "flag-ignored-desktop",
                "item desktop",
                "syncProvider that the status surface names: observed convex",
                ("provider", "probe-target"),
            ),
            Catch("probe-broken", "item desktop", "The probe is answered: observed false", ("probe-ok",)),
        ),
    ),
    Trial("mobile", (Catch("convex-boots-anyway", "item mobile", f"Mobile: {CONTACTS} [mobile]: observed "),)),
    Trial(
        "rollback",
        (
            Catch(
                "fallback-broken-web",
                "item rollback",
                f"Web admin: {FALLBACK}",
                ("legacy-carried-fallback", "legacy-in-time-fallback", "legacy-polling-fallback"),
            ),
            Catch("fallback-broken-mobile", "item rollback", f"Mobile: {FALLBACK}"),
            Catch("fallback-broken-desktop", "item rollback", f"Desktop: {FALLBACK}"),
            Catch("khala-lingers-mobile", "item rollback", f"Mobile: {LINGERS}"),
            Catch("khala-lingers-desktop", "item rollback", f"Desktop: {LINGERS}"),
            Catch("sink-ignored", "item rollback", STILL_KHALA, ("khala-stops",)),
            Catch("sink-mutes", "item rollback", STILL_LEGACY, ("legacy-continues",)),
            Catch("auditor-blind", "item rollback", "mismatches that the auditor counted", ("auditor-sees",)),
        ),
        code=11,
    ),
    Trial(
        "artefacts",
        (
            Catch("khala-lag", "item artefacts", "reached the probe within 2 s: observed 0 ", ("khala-updates",)),
            Catch("heartbeat-mute", "item artefacts", "heartbeats of the probe that were answered", ("khala-answers",)),
            Catch("stale-uncounted", "item artefacts", "stale cursors that the server", ("stale-cursors-counted",)),
            Catch("replay-late", "item artefacts", "that of the server lie apart", ("catch-up-agrees",)),
            Catch("replay-uncounted", "item artefacts", "catch-ups that the server counted", ("catch-ups-counted",)),
        ),
    ),
    Trial("web", (Catch("convex-drop", "precondition dual-publish", "Convex sink: documents", ("convex-writes",)),)),
]


def verdicts(record: DrillRecord) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and reason of every item, precondition and gate."""
    items = {f"item {item.id}": (item.verdict, item.reason) for item in record.checklist}
    items |= {f"precondition {item.id}": (item.verdict, item.reason) for item in record.preconditions}
    return items | {f"gate {gate.id}": (gate.verdict, gate.reason) for gate in record.gates}


def failed_checks(record: DrillRecord) -> set[str]:
    """Return the ids of the checks that did not hold."""
    items = (*record.preconditions, *record.checklist)
    return {check.id for item in items for check in item.checks if check.verdict is Verdict.FAIL}


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: "+".join(trial.faults))
def test_an_injected_fault_is_caught(trial: Trial, staging: Any, run_drill: Any, tmp_path: Path) -> None:
    """The drill ends as it should, the right part is red, its reason is in the report, and every switch is back."""
    before = staging.values()
    with ExitStack() as healing:
        for fault in trial.faults:
            staging.inject(fault)
            healing.callback(staging.heal, fault)
        outcome = run_drill(
            *("--target", str(staging.profile), "-k", trial.scenarios),
            out=tmp_path,
            state=staging.state,
            environment=IMPATIENT,
        )
    assert outcome.code == trial.code, outcome.output
    for catch in trial.catches:
        verdict, reason = verdicts(outcome.record)[catch.red]
        assert (catch.fault, verdict) == (catch.fault, Verdict.FAIL)
        assert catch.words in reason
        assert set(catch.checks) <= failed_checks(outcome.record)
    assert "FAIL" in outcome.report
    assert staging.values() == before


def test_every_fault_has_a_catch() -> None:
    """No fault is without a test that sees it caught, and `drill matrix` says what the tests see."""
    catches = [catch for trial in TRIALS for catch in trial.catches]
    assert {catch.fault for catch in catches} == set(fault_names()) == set(CAUGHT_BY)
    assert all(catch.red in CAUGHT_BY[catch.fault] for catch in catches)


#: Checks that no fault of the staging makes fail, and how else they are seen to.
SEEN_OTHERWISE = {
    "sink-path": "test_preconditions_that_do_not_hold",
    "khala-writes": "test_preconditions_that_do_not_hold",
    "enabled": "test_preconditions_that_do_not_hold",
    "dashboard-screenshot": "test_artefacts_that_are_missing",
    "runtime-log": "test_artefacts_that_are_missing",
    "commit": "test_artefacts_that_are_missing",
    "issue": "test_artefacts_that_are_missing",
    "own-audit": "test_artefacts_that_are_missing",
}
#: A flag that is not listed, and an artefact that the drill itself did not keep: only a scenario that is wrong makes
#: these fail, and judge and report treat them as they treat every other check.
OF_THE_DRILL_ITSELF = {
    "flag-web",
    "flag-mobile",
    "flag-desktop",
    "mismatch-rate-snapshot",
    "lag-drift-snapshot",
    "reason-breakdown",
    "command-log",
}
#: What is checked again at another step bears the step's name.
AGAIN = re.compile(r"-(fallback|recovery|runtime)$")


def test_every_check_has_been_seen_to_fail(outcome: Any) -> None:
    """Each check of a whole drill is named by a test that sees it fail; one without is shown to nobody."""
    items = (*outcome.record.preconditions, *outcome.record.checklist)
    checked = {AGAIN.sub("", check.id) for item in items for check in item.checks}
    seen = {AGAIN.sub("", name) for trial in TRIALS for catch in trial.catches for name in catch.checks}

    assert checked - seen - set(SEEN_OTHERWISE) - OF_THE_DRILL_ITSELF == set()


def test_preconditions_that_do_not_hold(staging: Any, run_drill: Any, tmp_path: Path) -> None:
    """Each precondition of §1 that does not hold is red, the items that need it are NOT_RUN, and nothing is flipped."""
    wanted = {"sink-path": "convex-only", "parity-auditor": "false"}
    with ExitStack() as back:
        for switch, value in wanted.items():
            back.callback(staging.put, switch, staging.values()[switch])
            staging.put(switch, value)
        outcome = run_drill("--target", str(staging.profile), "-k", "web", out=tmp_path, state=staging.state)
        left = {switch: staging.values()[switch] for switch in wanted}
    assert (outcome.code, left, outcome.record.switches) == (1, wanted, ())
    assert {"sink-path", "khala-writes", "enabled"} <= failed_checks(outcome.record)
    assert verdicts(outcome.record)["item web"] == (Verdict.NOT_RUN, "precondition not met: dual-publish")


def test_artefacts_that_are_missing(staging: Any, run_drill: Any, tmp_path: Path) -> None:
    """Without repository, issue, log and pictures the artefacts are not complete, nor is an audit without documents."""
    profile = tmp_path / "bare.toml"
    lines = staging.profile.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith("logs ="))
    profile.write_text(
        re.sub("file = .*database-url.*", f'file = "{empty_database(tmp_path)}" }}', kept), encoding="utf-8"
    )
    runbook = tmp_path / "without_issue.toml"
    text = files("drills.runbook").joinpath("khala_cutover.toml").read_text(encoding="utf-8")
    runbook.write_text(re.sub(r'(?m)^issue = ".+"$', 'issue = ""', text), encoding="utf-8")
    words = ("--target", str(profile), "--runbook", str(runbook), "-k", "artefacts or parity")
    outcome = run_drill(*words, out=tmp_path / "out", state=staging.state, folder=tmp_path)

    assert outcome.code == 1
    assert {"dashboard-screenshot", "runtime-log", "commit", "issue", "own-audit"} <= failed_checks(outcome.record)


def empty_database(folder: Path) -> Path:
    """Return the file that names a database in which neither lane holds a document."""
    store = Store(url := f"sqlite:///{folder / 'empty.sqlite'}")
    store.create()
    store.close()
    (folder / "database-url").write_text(url, encoding="utf-8")
    return folder / "database-url"
