"""The lease that a target itself hands out: it goes back to its baseline by itself when its holder is not heard of."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from drills.errors import LeaseHeld, RestoreFailed, SafetyNetLost, TargetUnreachable
from drills.target.operator import Answer, OperatorClient

CONFLICT = 409
#: From here on an answer is not what was asked for.
REFUSED = 400
POLL_SECONDS = 0.25
#: How a lease is taken away: it is renewed for no time at all, and for its target to be back at its baseline.
_NO_TIME, _BACK_SECONDS = 0.001, 60.0

Held = TypeVar("Held", bound="Grant")


class Grant(Answer):
    """A lease that was handed out. ``token`` is larger than that of any lease before."""

    token: int


class Holder(Grant):
    """Who has a target's lease, and until when if nothing more is heard of them."""

    owner: str
    drill_id: str
    expires_at: datetime

    def describe(self) -> str:
        """Return drill, owner and end in a line."""
        return f"drill {self.drill_id} of {self.owner}, until {self.expires_at:%Y-%m-%d %H:%M:%S} UTC unless renewed"


class RemoteLease:
    """One drill's lease at its target's operator API, for ``seconds`` from each renewal.

    ``target`` is what a person would type to name the target.
    """

    def __init__(self, operator: OperatorClient, *, owner: str, drill_id: str, seconds: float, target: str) -> None:
        self._operator = operator
        self._target = target
        self._words = {"owner": owner, "drill_id": drill_id, "seconds": seconds}
        self.seconds = seconds
        self._token: int | None = None
        self._baseline: dict[str, str] = {}

    def take(self) -> None:
        """Take the lease; a drill that died may have left one, so that it is waited for as long as one can last.

        Raises:
            LeaseHeld: somebody who lives has it.
            TargetUnreachable: the target does not answer.
        """
        deadline = time.monotonic() + self.seconds + 2
        while True:
            status, answer = self._operator.lease("PUT", {**self._words, "baseline": {}})
            if status != CONFLICT:
                self._token = _as(Grant, answer).token
                return
            if time.monotonic() > deadline:
                raise self._held(answer)
            time.sleep(POLL_SECONDS)

    def protect(self, baseline: Mapping[str, str]) -> None:
        """Tell the target what to go back to: those values of ``baseline`` whose switches are its own.

        Raises:
            SafetyNetLost: the lease is over.
            TargetUnreachable: the target does not answer.
        """
        own = {switch.id for switch in self._operator.switches()}
        self._baseline = {name: value for name, value in baseline.items() if name in own}
        self.renew()

    def renew(self) -> None:
        """Hold the lease for another term.

        Raises:
            SafetyNetLost: it is over, so that the target has gone back to its baseline.
            TargetUnreachable: the target does not answer.
        """
        words = {**self._words, "baseline": self._baseline, "token": self._token}
        status, answer = self._operator.lease("PUT", words)
        if status >= REFUSED:
            raise SafetyNetLost(f"the target took its lease back: {_message(answer)}", remedy="run the drill again")

    def release(self) -> None:
        """Give the lease back; one that is over already is none to give back."""
        self._operator.lease("DELETE", None, token=self._token)

    def _held(self, answer: object) -> LeaseHeld:
        found = holder(self._operator)
        if found is None:  # it ended between the refusal and this question
            return LeaseHeld(f"the target was leased: {_message(answer)}", remedy="run the drill again")
        # quoted: a person will type it, and what the target answers is not ours
        words = shlex.join(["drill", "restore", "--force-unlock", found.drill_id, "--target", self._target])
        return LeaseHeld(
            f"the target is leased by {found.describe()}",
            remedy=f"wait for that drill to end, or take over with `{words}`",
        )


def holder(operator: OperatorClient) -> Holder | None:
    """Return who has the target's lease, None when nobody has.

    Raises:
        TargetUnreachable: the target does not answer, or not with a lease.
    """
    _, answer = operator.lease("GET", None)
    if isinstance(answer, dict) and answer.get("data", answer) is None:
        return None
    return _as(Holder, answer)


def force_unlock(operator: OperatorClient, drill_id: str) -> Holder | None:
    """Let the lease of a drill run out at once, and return when its target is back at the baseline of that drill.

    The drill, should it live after all, finds its lease over and flips nothing more. None when it has no lease.

    Raises:
        RestoreFailed: the target did not go back in time.
        TargetUnreachable: it does not answer.
    """
    found = holder(operator)
    if found is None or found.drill_id != drill_id:
        return None
    words = {"owner": found.owner, "drill_id": drill_id, "seconds": _NO_TIME, "baseline": {}, "token": found.token}
    deadline = time.monotonic() + _BACK_SECONDS
    while (left := holder(operator)) is not None and left.token == found.token:
        operator.lease("PUT", words)  # again, if its drill renewed it in between; refused once it is over
        if time.monotonic() > deadline:
            raise RestoreFailed(
                f"the target did not go back to the baseline of drill {drill_id} within {_BACK_SECONDS:g} s",
                remedy="look at what the target says, then type the command again",
            )
        time.sleep(POLL_SECONDS)
    return found


def _as(model: type[Held], answer: object) -> Held:
    try:
        return model.model_validate(answer.get("data") if isinstance(answer, dict) else None)
    except ValidationError:
        raise TargetUnreachable("the target's lease API answers something else", remedy="drill doctor") from None


def _message(answer: object) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""
