"""The lease of a staging: one drill at a time, with the values to go back to when that drill is never heard of again.

Pure: the desk knows the time only from its clock, and puts nothing back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from drills.clock import Clock


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the staging and until when. ``token`` grows with every lease, so that an old holder can be told off.

    ``baseline`` maps switches to the values that they are put back to when the lease runs out.
    """

    token: int
    owner: str
    drill_id: str
    expires_at: datetime
    baseline: Mapping[str, str]


class LeaseRefusedError(Exception):
    """The lease is not for the one who asks. ``holder`` is who has it, None when the lease asked about is over."""

    def __init__(self, message: str, holder: Lease | None) -> None:
        super().__init__(message)
        self.holder = holder


class LeaseDesk:
    """Hands out one lease at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._token = 0
        self.current: Lease | None = None

    def take(self, owner: str, drill_id: str, seconds: float, baseline: Mapping[str, str]) -> Lease:
        """Hand out a new lease.

        Raises:
            LeaseRefusedError: somebody has it; a lease that ran out counts until its baseline is back (:meth:`end`).
        """
        if self.current is not None:
            raise LeaseRefusedError(f"drill {self.current.drill_id} of {self.current.owner} holds it", self.current)
        self._token += 1
        self.current = Lease(self._token, owner, drill_id, self._from_now(seconds), dict(baseline))
        return self.current

    def renew(self, token: int, seconds: float, baseline: Mapping[str, str]) -> Lease:
        """Let the lease end ``seconds`` from now; a ``baseline`` that is not empty takes the place of the one before.

        Raises:
            LeaseRefusedError: the lease of this token is over.
        """
        lease = self._mine(token)
        baseline = dict(baseline) or lease.baseline
        self.current = replace(lease, expires_at=self._from_now(seconds), baseline=baseline)
        return self.current

    def release(self, token: int) -> Lease:
        """Give the lease back; its holder has put everything back already.

        Raises:
            LeaseRefusedError: the lease of this token is over.
        """
        lease = self._mine(token)
        self.current = None
        return lease

    def end(self, lease: Lease) -> None:
        """End a lease that ran out, now that its baseline is back."""
        if self.current is lease:
            self.current = None

    def seconds_left(self) -> float | None:
        """Return how long the lease still runs (0 when it ran out), None when there is none."""
        if self.current is None:
            return None
        return max((self.current.expires_at - self._clock.now()).total_seconds(), 0.0)

    def _mine(self, token: int) -> Lease:
        if self.current is None or self.current.token != token or not self.seconds_left():
            raise LeaseRefusedError(f"lease {token} is over", self.current)
        return self.current

    def _from_now(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)
