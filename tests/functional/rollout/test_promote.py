from __future__ import annotations

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from drills.cli import main
from drills.clock import SYSTEM_CLOCK
from drills.evidence.decisions import record_decision
from drills.evidence.ledger import seal
from drills.evidence.records import StageDecided, Verdict
from drills.evidence.redaction import Redactor
from drills.plugin.publishing import recent_decisions, write_index
from drills.rollout.published import verified_record
from tests.functional.history import free_port, serving
from tests.functional.rollout.conftest import DAYS, HOURS, MISMATCHES, STATUS, Rollout

A_TO_B, B_TO_C = ("--from", "A", "--to", "B"), ("--from", "stage-b", "--to", "stage-c")
SIX_DAYS_AGO = ("--since", (datetime.now(UTC) - timedelta(days=6)).isoformat())


def unmet(rollout: Rollout) -> dict[str, Verdict]:
    """Return the requirements that did not pass in the newest decision."""
    return {one.id: one.verdict for one in rollout.decisions[-1].requirements if one.verdict is not Verdict.PASS}


def test_the_next_stage_is_decided_from_the_last_decision(rollout: Rollout) -> None:
    """GO to B begins its hold: C is NO-GO until a business day later, and the decision says when that is."""
    first, said = rollout.ask(*A_TO_B)
    second, refused = rollout.ask(*B_TO_C, *SIX_DAYS_AGO, profile=rollout.long_watched)

    assert (first, second) == (0, 1), said + refused
    assert said.startswith("GO: Stage A (internal only) → Stage B (small cohort), target staging-eu\n")
    assert unmet(rollout) == {"hold": Verdict.FAIL}
    assert rollout.decisions[-1].stage_began_at == rollout.decisions[0].decided_at
    assert "ask again after" in refused
    assert "business days of DE-BY, Europe/Berlin" in refused


def test_a_stage_that_was_held_is_left(rollout: Rollout) -> None:
    """A business day in stage B with green gates is GO for C; that somebody said when it began stands in the record."""
    code, said = rollout.ask(*B_TO_C, *SIX_DAYS_AGO, "--operator", "A. Nother", profile=rollout.long_watched)

    assert code == 0, said
    assert rollout.decisions[-1].stage_began_by == "said with --since"
    assert rollout.decisions[-1].operator == "A. Nother"


def test_what_somebody_says_does_not_stand_against_a_newer_decision(rollout: Rollout) -> None:
    """A rollout that has just gone to B cannot have been in C since last week; that it moved on since can be said."""
    rollout.ask(*A_TO_B)
    code, said = rollout.ask("--from", "C", "--to", "D", *SIX_DAYS_AGO)

    assert (code, unmet(rollout)) == (1, {"stage": Verdict.FAIL})
    assert "the newest GO led to Stage B (small cohort)" in said
    assert rollout.ask("--from", "C", "--to", "D", "--since", datetime.now(UTC).isoformat())[0] == 0


def test_json_is_the_recorded_decision(rollout: Rollout) -> None:
    """``--json`` prints what was recorded, and nothing else on stdout."""
    code, said = rollout.ask(*A_TO_B, "--json")

    assert code == 0
    assert (StageDecided.model_validate(json.loads(said)),) == rollout.decisions


def test_decisions_are_shown_with_their_evidence(rollout: Rollout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of decisions links each reason to what shows it; the index and a GitHub job's summary show it too."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(rollout.home / "summary.md"))
    rollout.ask(*A_TO_B)
    page, index = ((rollout.out / name).read_text() for name in ("decisions.md", "README.md"))
    (report,) = (path.name for path in rollout.out.glob("*-full-drill.md"))

    assert f"[rollback]({report}#rollback)" in page
    assert "**✅\N{NO-BREAK SPACE}GO** · 21 of 21 requirements passed" in page
    local = re.findall(r"\]\(([^)#:]+)[)#]", page + index)
    assert [link for link in local if not (rollout.out / link).exists()] == []
    assert len(local) > 10
    anchor = f"decision-{rollout.decisions[0].decided_at:%Y%m%d-%H%M%S}"
    assert f'<a id="{anchor}"></a>' in page
    assert f"(decisions.md#{anchor})" in index
    assert (rollout.home / "summary.md").read_text() in page


def test_the_next_report_tells_the_decisions_since_the_last_drill(rollout: Rollout) -> None:
    """What was decided since the newest drill is a fact of the next one: its report shows it, and can be verified."""
    rollout.ask(*A_TO_B)
    report = rollout.drilled(ago=timedelta(seconds=-60)).with_suffix(".md")

    assert verified_record(report).decisions == rollout.decisions
    assert "## Stage decisions since the last drill" in report.read_text()
    assert recent_decisions(rollout.out, "khala-cutover") == ()


def test_a_gate_that_turned_red_asks_for_the_smallest_rollback(rollout: Rollout) -> None:
    """NO-GO, and the client flags to set; they were green in the drill."""
    code, said = rollout.ask(*A_TO_B, profile=rollout.watched(HOURS, **{MISMATCHES: 20}))

    assert (code, unmet(rollout)) == (1, {"gate-parity-mismatch-rate": Verdict.FAIL})
    assert "roll back now: §4.1 Client rollback" in said
    assert "VITE_KHALA_SYNC_ENABLED=false" in said
    assert "**Roll back now:**" in (rollout.out / "decisions.md").read_text()


def test_gates_that_were_watched_for_a_part_of_the_hold_are_inconclusive(rollout: Rollout) -> None:
    """Three hours of green cannot stand for a business day: NO-GO with exit code 10."""
    code, said = rollout.ask(*B_TO_C, *SIX_DAYS_AGO)

    assert code == 10
    assert set(unmet(rollout).values()) == {Verdict.INCONCLUSIVE}
    assert said.startswith("NO-GO, inconclusive: ")
    assert "watched only since" in said


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        ('kind = "scrape"\nurl = "http://127.0.0.1:9/metrics"', "a scraped address remembers nothing"),
        ('kind = "openmetrics"\npath = "nowhere.om"', "cannot be read"),
        (
            'kind = "prometheus"\nurl = "http://127.0.0.1:9"\ninterval_seconds = 15\ntoken = { env = "TOKEN" }',
            "127.0.0.1:9",
        ),
    ],
    ids=["scrape", "no file", "no server"],
)
def test_a_source_that_gives_nothing_is_a_reason_and_not_an_error(
    rollout: Rollout, metrics: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without samples every gate is INCONCLUSIVE and says why; the decision is recorded, and no secret is in it."""
    monkeypatch.setenv("TOKEN", "canary-7f9c2b1e8d")
    code, said = rollout.ask(*A_TO_B, profile=rollout.with_metrics(metrics))

    assert code == 10
    assert why in said
    assert len(rollout.decisions) == 1
    assert all("canary-7f9c2b1e8d" not in path.read_text() for path in rollout.out.glob("*.*"))


def test_prometheus_is_asked_for_the_hold(rollout: Rollout) -> None:
    """The same days of metrics in a real Prometheus give the same decision."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("needs prometheus and promtool (Debian package: prometheus)")
    home = rollout.home / "prometheus"
    home.mkdir()
    (home / "prometheus.yml").write_text("global: {}\n")
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", f"../{DAYS}.om", "data"]
    subprocess.run(backfill, cwd=home, check=True, timeout=60, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    metrics = f'kind = "prometheus"\nurl = "http://{address}"\ninterval_seconds = 300'
    with serving(home, address):
        code, said = rollout.ask(*B_TO_C, *SIX_DAYS_AGO, profile=rollout.with_metrics(metrics))

    assert code == 0, said
    assert rollout.decisions[-1].samples_source == f"http://{address}"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", "A", "--to", "C"), "does not lead to Stage C"),
        (("--from", "B", "--to", "A"), "does not lead to Stage A"),
        (("--from", "D", "--to", "E"), "no stage 'E'"),
        (("--from", "A"), "Missing option '--to'"),
        ((*A_TO_B, "--since", "yesterday"), "is not a moment"),
        ((*A_TO_B, "--runbook", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_a_step_that_is_none_is_not_decided(rollout: Rollout, words: tuple[str, ...], why: str) -> None:
    """Stages are taken one by one, in order: anything else is a mistake of the command, and nothing is recorded."""
    code, said = rollout.ask(*words)

    assert code == 2
    assert why in said
    assert rollout.decisions == ()


def test_a_rehearsal_on_the_embedded_staging_is_never_go(tmp_path: Path) -> None:
    """However green the embedded drill was: no real stage is left on its evidence, and the decision says so."""
    out = tmp_path / "status"
    shutil.copytree(STATUS, out)
    done = CliRunner().invoke(main, ["promote", *A_TO_B, "--target", "embedded", "--out", str(out)])

    assert done.exit_code == 1
    assert done.output.startswith("NO-GO: ")
    assert "the embedded staging says nothing of a real environment" in done.output
    assert "windows of 20 s are shorter than the runbook's" in done.output


def test_a_profile_for_rehearsals_is_never_go(rollout: Rollout) -> None:
    """A staging that is set up for short windows rehearses; it does not decide."""
    rollout.ask(
        *A_TO_B,
        profile=rollout.with_metrics('kind = "openmetrics"\npath = "0.125.om"', "[rehearsal]\nwindow_seconds = 20\n"),
    )

    assert unmet(rollout) == {"environment": Verdict.FAIL}


def test_evidence_that_was_altered_counts_against_the_stage(rollout: Rollout) -> None:
    """A report that says something else than its ledger is no evidence, whatever it says."""
    (report,) = rollout.out.glob("*-full-drill.md")
    report.write_text(report.read_text().replace("PASS", "FAIL", 1))
    code, _ = rollout.ask(*A_TO_B)

    assert (code, unmet(rollout)) == (1, {"artefacts": Verdict.FAIL})


def test_a_record_that_cannot_be_read_might_be_the_newest(rollout: Rollout) -> None:
    """A broken record beside the good one keeps the stage: it may be of a newer drill that failed."""
    broken = rollout.out / "2026-12-24-broken"
    broken.mkdir()
    (broken / "drill.json").write_text("{}")
    code, _ = rollout.ask(*A_TO_B)

    assert (code, unmet(rollout)) == (10, {"evidence-complete": Verdict.INCONCLUSIVE})


def test_taking_a_drill_away_does_not_help(rollout: Rollout) -> None:
    """Who deletes the newest drill after a decision that rested on it is found out, also when he asks twice."""
    rollout.drilled(ago=timedelta(minutes=1), rehearsal_window_seconds=20)
    codes = [rollout.ask(*A_TO_B)[0]]
    for path in rollout.out.glob("*-full-drill-2*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    codes += [rollout.ask(*A_TO_B)[0] for _ in range(2)]

    assert codes == [1, 1, 1]
    assert unmet(rollout) == {"evidence-complete": Verdict.FAIL}


def test_a_drill_of_another_target_does_not_count(rollout: Rollout) -> None:
    """Without a drill of this very staging there is no evidence: exit code 10, and the drill to run is named."""
    shutil.rmtree(rollout.out)
    rollout.drilled(name="staging-us")
    code, said = rollout.ask(*A_TO_B)

    assert code == 10
    assert set(unmet(rollout).values()) == {Verdict.NOT_RUN}
    assert "there is no drill that counts for staging-eu" in said


def test_production_rests_on_the_drill_of_a_staging(rollout: Rollout) -> None:
    """Production itself is not drilled: the newest drill of a real staging is its evidence."""
    profile = rollout.profile
    profile.write_text(profile.read_text().replace('"staging-eu"', '"live"').replace('"staging"', '"production"'))

    assert rollout.ask(*A_TO_B, profile=profile)[0] == 0


@pytest.mark.parametrize("command", [["history"], ["promote", *A_TO_B, "--target", "embedded"]])
def test_a_log_that_was_altered_is_not_believed(rollout: Rollout, command: list[str]) -> None:
    """A decision rewritten by hand breaks the chain: nothing is added to the log, and the index says so."""
    rollout.ask(*B_TO_C)
    log = rollout.out / "decisions.jsonl"
    log.write_text(log.read_text().replace('"NO-GO"', '"GO"'))
    before = log.read_bytes()
    done = CliRunner().invoke(main, [*command, "--out", str(rollout.out)])
    write_index(rollout.out)

    assert done.exit_code == 12
    assert "was altered" in done.output
    assert log.read_bytes() == before
    assert "The log of stage decisions cannot be believed" in (rollout.out / "README.md").read_text()


def test_a_forged_decision_is_found_although_its_chain_is_whole(rollout: Rollout) -> None:
    """Who seals a GO of his own still has to have every requirement on his side."""
    rollout.ask(*B_TO_C)
    log = rollout.out / "decisions.jsonl"
    forged = rollout.decisions[0].model_copy(update={"value": "GO"})
    entry = json.loads(log.read_text())
    log.write_bytes(seal(1, entry["at"], entry["previous"], forged.model_dump(mode="json")) + b"\n")
    code, said = rollout.ask(*B_TO_C)

    assert code == 12
    assert "not what their own requirements give: decision 1" in said


def test_decisions_made_at_the_same_time_are_all_recorded(rollout: Rollout) -> None:
    """The log is one chain, also when several people ask at once."""
    rollout.ask(*A_TO_B)
    (decided,) = rollout.decisions

    def record(_: int) -> int:
        return record_decision(rollout.out, decided, rollout.home / "lock", SYSTEM_CLOCK, Redactor()).number

    with ThreadPoolExecutor(8) as people:
        numbers = sorted(people.map(record, range(16)))

    assert numbers == list(range(2, 18))
    assert len(rollout.decisions) == 17


def test_a_secret_is_not_recorded(rollout: Rollout) -> None:
    """What the redactor knows is taken out of a decision before it is written."""
    rollout.ask(*A_TO_B)
    redactor = Redactor()
    redactor.register("canary-in-a-name", "operator-token")
    decided = rollout.decisions[0].model_copy(update={"operator": "canary-in-a-name"})
    record_decision(rollout.out, decided, rollout.home / "lock", SYSTEM_CLOCK, redactor)

    assert rollout.decisions[-1].operator == "«redacted:operator-token»"
