"""What one sees while a drill runs: a line per entry of the runbook, and on a terminal what is being done now."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import Verdict
from drills.report.terminal import shown
from drills.runbook.model import Runbook

STYLES = {"PASS": "green", "FAIL": "red bold", "INCONCLUSIVE": "yellow", "NOT_RUN": "dim"}
#: pytest's words, as verdicts, until the record is judged.
OUTCOMES = {"passed": "PASS", "failed": "FAIL", "skipped": "NOT_RUN"}
WIDTH = 12


class Progress:
    """Prints to ``console``; without a terminal only finished lines, without colours."""

    def __init__(self, runbook: Runbook, console: Console) -> None:
        self._titles = {entry.id: f"{entry.source} {entry.title}" for _, entry in runbook.entries()}
        self._levels = {level.level: level.source for level in runbook.rollback}
        self._console = console
        self._status: Status | None = None

    def doing(self, words: str) -> None:
        """Say what is being done now, with a sign of life, where there is a terminal."""
        if not self._console.is_terminal or self._console.quiet:
            return
        if self._status is None:
            self._status = self._console.status(inert(words))
            self._status.start()
        self._status.update(inert(words))

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._status:
            self._status.stop()
        self._status = None

    def begin(self, entry: str) -> None:
        """Say which entry of the runbook is being tried."""
        self.doing(self._titles.get(entry, entry))

    def finish(self, entry: str, outcome: str, seconds: float, unmet: Iterable[str]) -> None:
        """Print how an entry ended, and what did not hold."""
        self._line(OUTCOMES[outcome], f"{self._titles.get(entry, entry)} ({seconds:.1f} s)")
        for line in unmet:
            self._console.print(f"{'':{WIDTH}} {inert(line)}", highlight=False, soft_wrap=True)

    def conclude(self, record: DrillRecord, report: str) -> None:
        """Print gates, rollback times, the verdict with its reasons, the decision, and where the report is."""
        self.stop()
        for gate in record.gates:
            self._line(gate.verdict, f"{gate.source} {gate.title}")
        for rollback in record.rollback:
            level = self._levels[rollback.level]
            self._line(rollback.verdict, f"{level} rollback of {rollback.subject}: {rollback.reason}")
        self._console.print()
        self._line(record.verdict, record.title)
        reasons = "; ".join(record.decision.reasons)
        self.say(f"{record.decision.value:{WIDTH}} {record.decision.stage}: {reasons}")
        if record.verdict is not Verdict.PASS:
            for reason in record.reasons:
                self._console.print(f"  {inert(reason)}", highlight=False, soft_wrap=True)
        self._console.print(f"report: {inert(report)}", highlight=False, soft_wrap=True)

    def say(self, words: str) -> None:
        """Print ``words``, line by line."""
        self.stop()
        self._console.print(inert(words), highlight=False, soft_wrap=True)

    def _line(self, verdict: str, words: str) -> None:
        style = STYLES[verdict]
        self._console.print(f"[{style}]{verdict:{WIDTH}}[/] {inert(words)}", highlight=False, soft_wrap=True)


def inert(words: str) -> str:
    """Return words, some of which came from pages and servers, that only say what they say."""
    return escape(shown(words))
