"""Every error of the toolkit, in one tree.

::

    DrillError
    ├── ConfigurationError            exit 2    something typed or written is wrong; nothing was touched
    │   ├── RunbookInvalid
    │   ├── ProfileInvalid
    │   ├── ProductionRefused
    │   ├── BrowserMissing
    │   ├── SigningKeyInvalid
    │   └── RunNotFound
    ├── TargetError                   exit 10   the environment did not do or answer what was asked
    │   ├── TargetUnreachable
    │   │   └── NotInEffect
    │   ├── SwitchFailed
    │   ├── MetricsUnavailable
    │   └── StagingFailed
    ├── LeaseHeld                     exit 2    another drill holds the target
    ├── JournalUnresolved             exit 2    an earlier drill left switches to restore
    ├── SafetyNetLost                 exit 10   nothing would put switches back any more: none was flipped
    ├── RestoreFailed                 exit 11   switches are not proved to be back
    ├── EvidenceError                 exit 12   evidence cannot be kept, read or believed
    │   ├── LedgerDamaged
    │   ├── SecretFound
    │   ├── PublicationRefused
    │   └── IntegrityBroken
    └── FrameInvalid                  exit 10   not a Phoenix V2 frame

Each class carries a ``slug``, the anchor under which ``docs/messages.md`` explains it, and the exit code that the
command line ends with. The message says what happened and where; ``remedy`` says what to type next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

#: A message is for a person; what is quoted in one may come from a file of any size.
LONGEST_MESSAGE = 20_000


class DrillError(Exception):
    """Something the user should read: what happened, where, and the next thing to type."""

    slug: ClassVar[str] = "drill-error"
    exit_code: ClassVar[int] = 10

    def __init__(self, message: str, *, remedy: str = "") -> None:
        shown = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} … (cut)"
        super().__init__(shown)
        self.message = shown
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.remedy}" if self.remedy else self.message


class ConfigurationError(DrillError):
    """A file or an argument is wrong. ``mistakes`` lists all of them, each with its place."""

    slug = "configuration"
    exit_code = 2

    def __init__(self, message: str, *, mistakes: Sequence[str] = (), remedy: str = "") -> None:
        super().__init__("\n".join([message, *(f"  - {mistake}" for mistake in mistakes)]), remedy=remedy)
        self.mistakes = tuple(mistakes)


class RunbookInvalid(ConfigurationError):
    """A runbook file does not hold a runbook."""

    slug = "runbook-invalid"


class ProfileInvalid(ConfigurationError):
    """A target profile cannot be used as it is written."""

    slug = "profile-invalid"


class ProductionRefused(ConfigurationError):
    """The target says it is production and nobody said that this is meant."""

    slug = "production-refused"


class BrowserMissing(ConfigurationError):
    """No browser that Playwright can drive was found."""

    slug = "browser-missing"


class SigningKeyInvalid(ConfigurationError):
    """A key cannot be used to sign or to verify, or cannot be written."""

    slug = "signing-key-invalid"


class RunNotFound(ConfigurationError):
    """The named drill run or report does not exist."""

    slug = "run-not-found"


class TargetError(DrillError):
    """The environment under drill did not do, or did not answer, what was asked."""

    slug = "target"


class TargetUnreachable(TargetError):
    """No answer from the target within the time allowed."""

    slug = "target-unreachable"


class NotInEffect(TargetUnreachable):
    """A switch stands at a value that what it switches does not show yet.

    ``stands_at`` is that value; None when what it switches does not run, so that nothing has a value.
    """

    slug = "not-in-effect"

    def __init__(self, message: str, *, stands_at: str | None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.stands_at = stands_at


class SwitchFailed(TargetError):
    """A switch refused its new value, or reads back another one."""

    slug = "switch-failed"


class MetricsUnavailable(TargetError):
    """The metric source gave no usable samples."""

    slug = "metrics-unavailable"


class StagingFailed(TargetError):
    """The embedded staging environment did not start, or a part of it ended by itself."""

    slug = "staging-failed"


class LeaseHeld(DrillError):
    """Another drill holds the lease of this target."""

    slug = "lease-held"
    exit_code = 2


class JournalUnresolved(DrillError):
    """An earlier drill left switches that have not been put back."""

    slug = "journal-unresolved"
    exit_code = 2


class SafetyNetLost(DrillError):
    """A layer that would put switches back (lease, journal, watchdog) is gone; the switch was not flipped."""

    slug = "safety-net-lost"


class RestoreFailed(DrillError):
    """Switches could not be proved to be back at their baseline."""

    slug = "restore-failed"
    exit_code = 11


class EvidenceError(DrillError):
    """Evidence cannot be kept, read or believed."""

    slug = "evidence"
    exit_code = 12


class LedgerDamaged(EvidenceError):
    """A ledger line is torn, altered or out of its chain."""

    slug = "ledger-damaged"


class SecretFound(EvidenceError):
    """The last scan before publication found a secret; nothing was published."""

    slug = "secret-found"


class PublicationRefused(EvidenceError):
    """A file may not be published: its type, its name, its size, or its place."""

    slug = "publication-refused"


class IntegrityBroken(EvidenceError):
    """Published evidence is not what it was when it was published."""

    slug = "integrity-broken"


class FrameInvalid(DrillError):
    """A message on the socket is not a Phoenix V2 frame."""

    slug = "frame-invalid"
