"""Events of the authority: caused where that is possible, and otherwise taken from what is heard on the new lane."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import orjson

from drills.errors import TargetUnreachable
from drills.target.commands import Run, run
from drills.target.exchange import Request, demand, resolve
from drills.target.fields import read_headers
from drills.target.listener import Listener
from drills.target.operator import OperatorClient
from drills.target.ports import Stimulus
from drills.target.profile.sources import CommandStimulus, HttpStimulus, StimulusSection

#: Seconds within which an event that was caused is heard of, where the answer does not tell what it was.
HEARD_SECONDS = 10.0
#: Tells the event that was asked for as soon as it is known, and None until then.
Awaited = Callable[[], Stimulus | None]


class Events(Protocol):
    """Where events come from. ``patience_seconds`` is how long one is worth waiting for."""

    patience_seconds: float

    def ask(self) -> Awaited:
        """Have one event written, or begin to listen for one, and return at once.

        Raises:
            TargetError: it was refused, or nothing answered.
        """


class OperatorEvents:
    """Events that an operator API writes on request."""

    patience_seconds = 0.0

    def __init__(self, operator: OperatorClient) -> None:
        self._operator = operator

    def ask(self) -> Awaited:
        """Have an event written."""
        event = self._operator.write_event()
        return lambda: event


class OrganicEvents:
    """Updates that come by themselves: the first one heard after one began to listen."""

    def __init__(self, listener: Listener, patience_seconds: float) -> None:
        self._listener = listener
        self.patience_seconds = patience_seconds

    def ask(self) -> Awaited:
        """Begin to listen."""
        since = self._listener.count()
        return lambda: self._listener.heard_after(since)


class CausedEvents:
    """Events that a request or a command of the profile causes; the listener hears which, if the answer is mute."""

    def __init__(self, settings: HttpStimulus | CommandStimulus, prefix: str, listener: Listener) -> None:
        self._settings = settings
        self._prefix = prefix
        self._listener = listener
        self.patience_seconds = 0.0 if settings.worker is not None else HEARD_SECONDS

    def ask(self) -> Awaited:
        """Cause an event."""
        asked_at, since = datetime.now(UTC), self._listener.count()
        answer = _over_http(self._settings) if isinstance(self._settings, HttpStimulus) else _by_command(self._settings)
        if self._settings.worker is None:
            return lambda: self._listener.heard_after(since)
        event = self._told(answer, self._settings, asked_at)
        return lambda: event

    def _told(self, answer: bytes, settings: StimulusSection, asked_at: datetime) -> Stimulus:
        try:
            content = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise TargetUnreachable("the stimulus answers something else than JSON", remedy="drill doctor") from None
        worker, seq = resolve(content, settings.worker or ""), resolve(content, settings.sequence or "")
        if not isinstance(worker, str) or not isinstance(seq, int):
            raise TargetUnreachable(
                f"the answer of the stimulus holds no worker at {settings.worker} or no number at {settings.sequence}",
                remedy="check the pointers in [stimulus]",
            )
        return Stimulus(worker_id=worker, doc_key=self._prefix + worker, seq=seq, status="", occurred_at=asked_at)


def _over_http(settings: HttpStimulus) -> bytes:
    headers = {"content-type": "application/json", **read_headers(settings.headers)}
    content = None if settings.body is None else orjson.dumps(settings.body)
    return demand(Request("stimulus", settings.method, settings.url, headers, content, settings.timeout_seconds)).body


def _by_command(settings: CommandStimulus) -> bytes:
    wanted = Run(
        "stimulus",
        settings.argv,
        settings.timeout_seconds,
        settings.environment,
        settings.secrets,
        settings.directory,
    )
    return run(wanted).encode()
