"""What a drill captures is guarded from its first fact on, and what was refused stays refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.clock import FrozenClock
from drills.errors import SecretFound
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.canary import VARIABLE
from drills.evidence.ledger import Ledger, read_ledger
from drills.evidence.records import Artefact, CanaryPlanted, ItemStarted
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.plugin.aftermath import publish_again
from drills.plugin.captures import Captures
from drills.restore.state import StateFolder

CLOCK = FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "run")


def test_the_canary_is_written_down_where_it_was_planted(folder: RunFolder) -> None:
    """The ledger names the places, shows how the canary comes out, and counts what it took out itself."""
    redactor, environment = Redactor(), {"PATH": "/bin"}
    captures = Captures(folder, redactor, tracing=False)
    command = captures.plant_in_children(environment)
    (folder.quarantine / "junit.xml").write_text(f"<testsuites>{redactor.canary}</testsuites>")
    with Ledger.create(folder.ledger, CLOCK, redactor) as ledger:
        ledger.append(ItemStarted(item=redactor.canary))
        captures.conclude(ledger, ArtefactStore(folder.artefacts, redactor, ledger), traces=True)
    _, kept, planted = (entry.fact for entry in read_ledger(folder.ledger))

    assert (environment[VARIABLE], command) == (redactor.canary, f"export {VARIABLE}={redactor.canary}")
    assert isinstance(kept, Artefact)
    assert (kept.path, kept.redactions) == ("junit.xml", 1)
    assert planted == CanaryPlanted(
        canary="«redacted:canary»",
        channels=("ledger", "environment of child processes", "command log"),
        ledger_redactions=1,
    )


def test_what_was_refused_for_a_secret_stays_refused(folder: RunFolder, tmp_path: Path) -> None:
    """A later command knows fewer secrets than the drill did: it must not publish what the drill could not."""
    captures = Captures(folder, Redactor(), tracing=False)
    with pytest.raises(SecretFound), captures.refused_for_good():
        raise SecretFound("web.zip: operator-token inside base64")

    with pytest.raises(SecretFound, match=r"stays so:\nweb\.zip: operator-token inside base64"):
        publish_again(folder, StateFolder(tmp_path / "state"), tmp_path / "out")
