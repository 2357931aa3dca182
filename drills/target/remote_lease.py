"""The lease that a target itself hands out: it goes back to its baseline by itself when its holder is not heard of."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pydantic import ValidationError

from drills.errors import LeaseHeld, SafetyNetLost, TargetUnreachable
from drills.target.operator import Answer, OperatorClient

CONFLICT = 409
#: From here on an answer is not what was asked for.
REFUSED = 400
POLL_SECONDS = 0.25
_WAIT = "wait for that drill to end, or end it where it runs: the target takes the lease back when it hears no more"


class Grant(Answer):
    """A lease that was handed out. ``token`` is larger than that of any lease before."""

    token: int


class RemoteLease:
    """One drill's lease at its target's operator API, for ``seconds`` from each renewal."""

    def __init__(self, operator: OperatorClient, *, owner: str, drill_id: str, seconds: float) -> None:
        self._operator = operator
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
                self._token = _grant(answer).token
                return
            if time.monotonic() > deadline:
                raise LeaseHeld(f"the target is leased: {_message(answer)}", remedy=_WAIT)
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


def _grant(answer: object) -> Grant:
    try:
        return Grant.model_validate(answer.get("data") if isinstance(answer, dict) else None)
    except ValidationError:
        raise TargetUnreachable("the target's lease API answers something else", remedy="drill doctor") from None


def _message(answer: object) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""
