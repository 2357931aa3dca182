"""The report: what a reader gets, in which order, and that nothing in a record can change the page around it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import cmarkgfm  # type: ignore[import-untyped]  # it ships none
import pytest

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Restored, Verdict
from drills.report.render import STEP_SUMMARY_LIMIT, render_index, render_report, render_step_summary

FOLDER = "2026-02-20-khala-cutover"
GOLD = Path(__file__).parents[2] / "gold" / "drill_report.md"
ATTACK = (
    "<script>alert(1)</script> </summary></details> |x| [l](javascript:1) ![i](https://evil.example/i.png) "
    "https://evil.example @user #12 \x1b[31m \u202e `c` **b** \n\n# h\n\n| a |\n|---|\n"
)


def report(record: DrillRecord) -> str:
    """Return the report of a record."""
    return render_report(record, folder=FOLDER)


def as_html(markdown: str) -> str:
    """Return what GitHub's own parser makes of a report, raw HTML let through."""
    options = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    return str(cmarkgfm.markdown_to_html_with_extensions(markdown, options=options, extensions=["table", "autolink"]))


def test_the_report_is_the_gold_report(failed_record: DrillRecord, passed_record: DrillRecord) -> None:
    """Every word of a report is looked at when it changes: run with UPDATE_GOLD=1 and read the difference."""
    shown = render_report(failed_record, folder=FOLDER, previous=passed_record)
    if os.environ.get("UPDATE_GOLD"):
        GOLD.write_text(shown, "utf-8")
    assert shown == GOLD.read_text("utf-8")


def test_the_same_record_gives_the_same_report(passed_record: DrillRecord) -> None:
    """A report can be rendered again from drill.json alone, byte for byte."""
    again = DrillRecord.model_validate_json(passed_record.model_dump_json())
    assert report(again) == report(passed_record)


@pytest.mark.parametrize(
    ("verdict", "alert"),
    [
        (Verdict.PASS, "NOTE"),
        (Verdict.FAIL, "CAUTION"),
        (Verdict.INCONCLUSIVE, "WARNING"),
        (Verdict.NOT_RUN, "WARNING"),
    ],
)
def test_the_first_box_is_the_verdict(passed_record: DrillRecord, verdict: Verdict, alert: str) -> None:
    """Before anything else a reader gets verdict and decision, in the box that GitHub has for it."""
    lines = report(passed_record.model_copy(update={"verdict": verdict})).splitlines()
    assert lines[4] == f"> [!{alert}]"
    assert verdict.value.replace("_", "\N{NO-BREAK SPACE}") in lines[5]
    assert "NO-GO for Stage B (small cohort)" in lines[5]


def test_what_is_wrong_comes_first_and_worst_first(failed_record: DrillRecord) -> None:
    """The box names the first three things that are not green, failures before what could not be seen."""
    box = [line for line in report(failed_record).splitlines() if re.match(r"> \d\. ", line)]
    assert ["FAIL" in line for line in box] == [True] * 3
    assert "4 requests, expected 0 requests" in box[0]
    assert "> and 1 more below" in report(failed_record)


def test_checks_of_several_surfaces_are_all_counted(passed_record: DrillRecord) -> None:
    """Checks may share an id, one for each surface: none of them gets lost, and each says where it was seen."""
    rollback = passed_record.checklist[4]
    alike = tuple(check.model_copy(update={"id": "rollback.same"}) for check in rollback.checks)
    shown = report(passed_record.model_copy(update={"checklist": (rollback.model_copy(update={"checks": alike}),)}))
    assert "<br>and 3 more that held |" in shown
    assert "| web: Seconds until the legacy lane was proved: 2.31 s<br>" in shown


def test_switches_that_are_not_back_are_the_very_first_thing(interrupted_record: DrillRecord) -> None:
    """A red box above the verdict names the switch, what it must be and is, and what to type."""
    lines = report(interrupted_record).splitlines()
    assert lines[4:7] == [
        "> [!CAUTION]",
        "> **Switches are not proved to be back.**",
        "> - `VITE_KHALA_SYNC_ENABLED` must be `false` and is `true`. the operator API answered 503 for 60 s",
    ]
    assert "> Next: `drill restore`" in lines


def test_a_drill_that_never_read_its_switches_back_is_an_alarm(passed_record: DrillRecord) -> None:
    """Nothing known about the switches is not the same as switches restored."""
    unknown = report(passed_record.model_copy(update={"restored": None}))
    assert unknown.splitlines()[4] == "> [!CAUTION]"
    assert "It had touched `VITE_KHALA_SYNC_ENABLED`, `EXPO_PUBLIC_KHALA_SYNC_ENABLED`" in unknown
    untouched = passed_record.model_copy(update={"restored": None, "switches": ()})
    assert "No switch was touched." in report(untouched)
    assert "[!CAUTION]" in report(untouched.model_copy(update={"outcome": "interrupted"}))


def test_the_report_says_what_nobody_could_put_back(passed_record: DrillRecord) -> None:
    """A target with a lease goes back by itself; of any other the report says that crash safety cannot be promised."""
    leased = passed_record.target.model_copy(update={"lease_seconds": 15.0})
    with_lease = report(passed_record.model_copy(update={"target": leased}))
    without = passed_record.target.model_copy(update={"lease_seconds": None})
    without_lease = report(passed_record.model_copy(update={"target": without}))
    assert "the target puts its switches back by itself after 15 s without a word" in with_lease
    assert "Crash safety cannot be promised" not in with_lease
    assert "**Crash safety cannot be promised for this target.**" in without_lease


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("drill", "the drill"),
        ("watchdog", "the watchdog"),
        ("restore", "drill restore"),
        ("lease", "the target's lease"),
    ],
)
def test_the_report_says_who_put_a_switch_back(passed_record: DrillRecord, by: str, words: str) -> None:
    """Whoever put a switch back is named in its row."""
    assert passed_record.restored is not None
    switches = tuple(switch.model_copy(update={"by": by}) for switch in passed_record.restored.switches)
    restored = passed_record.restored.model_copy(update={"switches": switches})
    shown = report(passed_record.model_copy(update={"restored": restored}))
    assert shown.count(f" | {words} | ") == len(switches)


def test_a_drill_that_died_before_its_first_flip_touched_nothing(passed_record: DrillRecord) -> None:
    """A journal that names no switch is proof enough: there is no alarm."""
    early = {"restored": Restored(switches=()), "switches": (), "outcome": "interrupted"}
    shown = report(passed_record.model_copy(update=early))
    assert "No switch was touched." in shown
    assert "not proved to be back" not in shown


def test_a_green_drill_has_no_alarm_and_a_reason(passed_record: DrillRecord) -> None:
    """A PASS says that all was green, even when the record lists nothing."""
    shown = report(passed_record.model_copy(update={"reasons": ()}))
    assert "[!CAUTION]" not in shown
    assert "- Every checklist item, gate, rollback and required artefact passed" in shown


def test_every_artefact_is_linked_below_the_folder(passed_record: DrillRecord) -> None:
    """Each file of the evidence can be reached from the report, and only by relative links."""
    links = set(re.findall(r'(?:href|src)="([^"]+)"', as_html(report(passed_record))))
    assert {f"{FOLDER}/{artefact.path}" for artefact in passed_record.artefacts} <= links
    assert all(link.startswith((f"{FOLDER}/", "https://github.com/openagents/runtime/")) for link in links)


def test_without_a_remote_nothing_is_linked(remoteless_record: DrillRecord) -> None:
    """Commits are named by their hashes; the report says why they are not linked."""
    shown = report(remoteless_record)
    assert "https://" not in shown
    assert "no remote: commits are not linked" in shown
    assert f"`{remoteless_record.provenance.commits_since[1].sha[:10]}`" in shown


@pytest.mark.parametrize(
    ("url", "issue"),
    [
        ("https://github.com/o/r/commit/{}", "https://github.com/o/r/issues/7"),
        ("https://gitlab.com/o/r/-/commit/{}", "https://gitlab.com/o/r/-/issues/7"),
        ("https://bitbucket.org/o/r/commits/{}", "https://bitbucket.org/o/r/issues/7"),
    ],
)
def test_numbered_issues_are_linked_beside_their_commits(remoteless_record: DrillRecord, url: str, issue: str) -> None:
    """GitHub, GitLab and Bitbucket each have their own address for an issue; a named one stays text."""
    commit = remoteless_record.provenance.commits_since[0]
    linked = commit.model_copy(update={"url": url.format(commit.sha), "issues": ("#7", "KHALA-022")})
    provenance = remoteless_record.provenance.model_copy(update={"commits_since": (linked,)})
    shown = as_html(report(remoteless_record.model_copy(update={"provenance": provenance})))
    assert f'<a href="{issue}">' in shown
    assert ", KHALA-022" in shown


def test_a_long_history_is_cut_with_a_note(remoteless_record: DrillRecord) -> None:
    """Fifty commits are shown, the rest is counted."""
    provenance = remoteless_record.provenance
    many = provenance.model_copy(update={"commits_since": provenance.commits_since[:1] * 51})
    assert "1 older commit not shown" in report(remoteless_record.model_copy(update={"provenance": many}))


def test_no_git_is_said(passed_record: DrillRecord) -> None:
    """Outside a checkout the report says so, and the command to reproduce it has no commit."""
    provenance = passed_record.provenance.model_copy(
        update={"commit": None, "branch": None, "dirty": None, "since": None}
    )
    shown = report(passed_record.model_copy(update={"provenance": provenance}))
    assert "unknown: not a git checkout" in shown
    assert "no branch · tree state unknown" in shown
    assert "```sh\ndrill run --target embedded\n```" in shown


def test_a_dirty_tree_is_said_twice(failed_record: DrillRecord) -> None:
    """Beside the branch, and where the reader would type the commit."""
    assert report(failed_record).count("uncommitted changes") == 2


def test_nothing_in_a_record_becomes_markup(
    passed_record: DrillRecord, hostile: Callable[[DrillRecord, str], DrillRecord]
) -> None:
    """Every text of a record at once is an attack, and the page has the elements of a page of harmless words."""
    attacked, harmless = (as_html(report(hostile(passed_record, words))) for words in (ATTACK, "harmless"))
    assert [
        tag for tag in ("<script", 'evil.example/i.png"', '"javascript:', "\x1b", "\u202e") if tag in attacked
    ] == []
    assert _structure(attacked) == _structure(harmless)


def test_workflow_commands_cannot_be_printed(
    passed_record: DrillRecord, hostile: Callable[[DrillRecord, str], DrillRecord]
) -> None:
    """No line of a report is a command to a GitHub runner, but inside the fence that quotes the command line."""
    lines = report(hostile(passed_record, "::error::x")).splitlines()
    assert [line for line in lines if line.strip().startswith("::")] == ["::error::x"]


def test_the_previous_drill_shows_what_changed(failed_record: DrillRecord, passed_record: DrillRecord) -> None:
    """Verdicts and figures that are not what they were; nothing else."""
    shown = render_report(failed_record, folder=FOLDER, previous=passed_record)
    assert "| Verdict | ✅\N{NO-BREAK SPACE}PASS | ❌\N{NO-BREAK SPACE}FAIL |" in shown
    unchanged = render_report(passed_record, folder=FOLDER, previous=passed_record)
    assert "No verdict and no figure of a gate changed." in unchanged
    assert "Changed since the last drill" not in report(passed_record)


def test_the_index_is_newest_first(passed_record: DrillRecord, failed_record: DrillRecord) -> None:
    """One line per drill with verdict, decision and commit, linked to its report."""
    older = passed_record.model_copy(update={"started_at": passed_record.started_at.replace(year=2025)})
    shown = render_index([("old.md", older), ("new.md", failed_record)])
    rows = [line for line in shown.splitlines() if line.startswith("| 20")]
    assert ["](new.md)" in rows[0], "](old.md)" in rows[1]] == [True, True]
    assert "2 drills, 1 passed, newest first." in shown
    assert render_index([]).startswith("# Drills\n\n0 drills, 0 passed")


def test_the_step_summary_is_the_short_report_without_links_to_files(failed_record: DrillRecord) -> None:
    """A job summary cannot reach files of the repository, so it names them."""
    shown = render_step_summary(failed_record)
    assert "## SLO gates" in shown
    assert FOLDER not in shown
    assert len(shown.encode()) < STEP_SUMMARY_LIMIT


def test_a_step_summary_is_cut_at_githubs_limit(failed_record: DrillRecord) -> None:
    """GitHub would drop a longer one whole; a cut one says that it was cut, and is cut between lines."""
    long = failed_record.model_copy(update={"reasons": tuple(f"reason {n} ü" for n in range(200_000))})
    shown = render_step_summary(long)
    assert len(shown.encode()) <= STEP_SUMMARY_LIMIT
    assert shown.endswith("the report and drill.json are whole.\n")
    kept = shown.splitlines()[-4]
    assert re.fullmatch(r"- reason \d+ ü", kept)


def _structure(page: str) -> list[str]:
    return re.findall(r"<(?!br)/?([a-z0-9]+)", page)
