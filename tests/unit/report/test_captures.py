"""What a report says of recordings and of the canary: where the evidence is, and that it was looked through."""

from __future__ import annotations

from drills.evidence.drill_record import DrillRecord
from drills.evidence.records import CanaryPlanted, Recording
from drills.report.render import render_report


def test_recordings_are_listed_by_digest(passed_record: DrillRecord) -> None:
    """Who keeps a trace outside the repository can show that it belongs to the drill."""
    recording = Recording(
        path="web.zip", media_type="application/zip", size=2048, sha256=f"sha256:{'ab' * 32}", redactions=12, dropped=3
    )
    report = render_report(passed_record.model_copy(update={"recordings": (recording,)}), folder="folder")

    assert f"| `web.zip` | 2.05 KB | `{'ab' * 32}` | 12 | 3 |" in report


def test_the_places_of_the_canary_are_named(passed_record: DrillRecord) -> None:
    """A reader learns what was tried, and how often the ledger had something taken out."""
    planted = CanaryPlanted(canary="«redacted:canary»", channels=("ledger", "trace: cookie"), ledger_redactions=4)
    report = render_report(passed_record.model_copy(update={"canary": planted}), folder="folder")

    assert "in 2 places and is in no published byte: ledger, trace: cookie." in report
    assert "4 secrets were taken out" in report


def test_a_drill_of_an_earlier_version_says_nothing_of_either(passed_record: DrillRecord) -> None:
    """No words without a fact behind them."""
    report = render_report(passed_record, folder="folder")

    assert [word for word in ("Recordings", "opens nothing") if word in report] == []
