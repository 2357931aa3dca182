"""Documents from records, through ``report_templates/``. The only importer of Jinja."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import StageDecided
from drills.report.decisions import decision_row, decision_view
from drills.report.history import index
from drills.report.markdown import inert
from drills.report.page import build_page

#: GitHub drops a step summary that is larger; https://docs.github.com/actions, "Job summaries".
STEP_SUMMARY_LIMIT = 1024 * 1024
_CUT = "\n\n> [!WARNING]\n> This summary was cut at GitHub's limit; the report and drill.json are whole.\n"
_INSTALLED = Path(__file__).parent / "templates"
_CHECKOUT = Path(__file__).parents[2] / "report_templates"


def render_report(
    record: DrillRecord, *, folder: str, previous: DrillRecord | None = None, signed_by: str | None = None
) -> str:
    """Return the Markdown report of ``record``. Its evidence lies in ``folder``, beside the report.

    The same record gives the same bytes. With the ``previous`` drill, the report says what changed since.
    ``signed_by`` is the fingerprint of the key that signs the publication.
    """
    return _document("drill_report.md.j2", page=build_page(record, folder, previous, signed_by))


def render_index(
    records: Sequence[tuple[str, DrillRecord]], decisions: Sequence[StageDecided] = (), *, damage: str = ""
) -> str:
    """Return the index of (report file name, record) pairs and of stage decisions, newest first.

    ``damage`` says what is wrong with the log of decisions, if anything is.
    """
    rows = [decision_row(decided) for decided in reversed(decisions)]
    return _document("index.md.j2", index=index(records), decisions=rows, damage=damage)


def render_decisions(decisions: Sequence[StageDecided]) -> str:
    """Return the page of all stage decisions, newest first."""
    return _document("decisions.md.j2", decisions=[decision_view(decided) for decided in reversed(decisions)])


def render_decision(decided: StageDecided) -> str:
    """Return the section of one stage decision."""
    return _document("_decision.md.j2", decision=decision_view(decided))


def render_step_summary(record: DrillRecord, *, limit: int = STEP_SUMMARY_LIMIT) -> str:
    """Return what a GitHub job shows of a drill: no links to evidence, at most ``limit`` bytes of UTF-8."""
    summary = _document("step_summary.md.j2", page=build_page(record, None))
    if len(summary.encode()) <= limit:
        return summary
    kept = summary.encode()[: max(0, limit - len(_CUT.encode()))].decode(errors="ignore")
    return kept[: kept.rfind("\n") + 1].rstrip("\n") + _CUT


def _document(template: str, **context: object) -> str:
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        # Every document here is Markdown, which has an escaper of its own; HTML names would be escaped as HTML.
        autoescape=select_autoescape(["html", "html.j2"]),
        finalize=inert,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
