"""What a drill captures beyond its facts, and that no secret is among it.

The secrets of the environment and of the profile are made known, the canary is planted, browser recordings go into the
quarantine and come out of it without secrets, and pytest's own reports become artefacts.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from drills.errors import SecretFound
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.canary import TRACED, VARIABLE, Channel
from drills.evidence.ledger import Ledger
from drills.evidence.recordings import Scrubbed, publish_recordings, scrub_recordings
from drills.evidence.records import CanaryPlanted, Observation
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.target.browser import Recorder
from drills.target.profile import Profile, read_secret

#: What pytest writes about a run; a drill that was killed has neither.
JUNIT, PAGE = "junit.xml", "pytest.html"
_REPORTS = {JUNIT: ("pytest's results", "application/xml"), PAGE: ("pytest's page", "text/html")}


class Captures:
    """The captures of one drill. ``recorder`` is None where no traces are wanted."""

    def __init__(self, folder: RunFolder, redactor: Redactor, *, tracing: bool) -> None:
        self._folder = folder
        self._redactor = redactor
        self._planted = {Channel.LEDGER}
        self.recorder = Recorder(folder.recordings, redactor.canary) if tracing else None

    def know(self, environment: Mapping[str, str], profile: Profile) -> None:
        """Make known what must not be published: the secrets of the environment, and those that the profile names.

        Raises:
            ProfileInvalid: a secret that the profile names cannot be read.
            ConfigurationError: it is too short to be told from ordinary text.
        """
        self._redactor.register_environment(environment)
        for name, reference in profile.secrets.items():
            self._redactor.register(read_secret(reference), name)

    def plant_in_children(self, environment: MutableMapping[str, str]) -> str:
        """Give the canary to every process that is started from now on; return the command that does the same."""
        environment[VARIABLE] = self._redactor.canary
        self._planted |= {Channel.ENVIRONMENT, Channel.COMMANDS}
        return f"export {VARIABLE}={self._redactor.canary}"

    def plant_in(self, item: pytest.Item) -> None:
        """Let pytest's reports on the first item hold the canary."""
        if Channel.JUNIT not in self._planted:
            item.user_properties.append(("canary", self._redactor.canary))
            item.add_report_section("setup", "stdout", self._redactor.canary)
            self._planted |= {Channel.JUNIT, Channel.OUTPUT}

    def conclude(self, ledger: Ledger, store: ArtefactStore, *, traces: bool) -> tuple[Scrubbed, ...]:
        """Write down what was captured: pytest's reports as artefacts, recordings if ``traces`` are to be published.

        Raises:
            EvidenceError: a capture cannot be published.
        """
        for name, (title, media_type) in _REPORTS.items():
            path = self._folder.quarantine / name
            if path.is_file():
                store.keep(
                    name, _anywhere(path.read_bytes()), category="test-report", title=title, media_type=media_type
                )
        recordings = scrub_recordings(self._folder.recordings, self._redactor) if traces else ()
        for recording in recordings:
            ledger.append(recording.fact)
        if self.recorder and self.recorder.lost:
            facts = {f"recording {number}": lost for number, lost in enumerate(self.recorder.lost, start=1)}
            ledger.append(Observation(id="recordings-lost", item="", title="Recordings that were lost", facts=facts))
        self._write_down_canary(ledger, store)
        return recordings

    @contextmanager
    def refused_for_good(self) -> Iterator[None]:
        """Let no later command publish what is refused here for a secret: it would not know that secret any more."""
        try:
            yield
        except SecretFound as error:
            self._folder.refusal.write_text(f"{error.message}\n", encoding="utf-8")
            raise

    def hand_out(self, recordings: tuple[Scrubbed, ...], out: Path, name: str) -> Path:
        """Write the recordings for whoever keeps them, and return their folder.

        Raises:
            PublicationRefused: the place cannot be written.
        """
        return publish_recordings(recordings, out, name)

    def _write_down_canary(self, ledger: Ledger, store: ArtefactStore) -> None:
        traced = TRACED if self.recorder and self.recorder.planted else set()
        planted = self._planted | store.planted | traced
        ledger.append(
            CanaryPlanted(
                canary=self._redactor.canary,
                channels=tuple(channel for channel in Channel if channel in planted),
                ledger_redactions=ledger.redactions,
            )
        )


def _anywhere(report: bytes) -> bytes:
    """Return pytest's ``report`` without the name of the machine, which its JUnit XML tells as ``hostname``."""
    return report.replace(f'hostname="{platform.node()}"'.encode(), b'hostname="localhost"')
