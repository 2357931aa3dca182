"""The layers that put switches back, wound around one switchboard: lease, journal, watchdog."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from drills.clock import Clock
from drills.errors import TargetUnreachable
from drills.evidence.records import SwitchFlipped
from drills.restore.journal import Journal
from drills.restore.lease import Lease, LeaseOwner
from drills.restore.recover import refuse_unresolved
from drills.restore.state import StateFolder
from drills.restore.switchboard import Switchboard
from drills.restore.watchdog import Watchdog
from drills.runbook.model import Runbook
from drills.target.ports import Switch
from drills.target.remote_lease import RemoteLease

#: Seconds between two signs of life, each of which renews the lease too.
BEAT_SECONDS = 2.0


@contextmanager
def guarded_switchboard(
    state: StateFolder,
    clock: Clock,
    switches: Mapping[str, Switch],
    runbook: Runbook,
    *,
    drill_id: str,
    target: str,
    ephemeral: bool,
    pause: Callable[[float], None],
    on_flip: Callable[[SwitchFlipped], None],
    verify: Callable[[str], str | None],
    remote: RemoteLease | None = None,
) -> Iterator[Switchboard]:
    """Take the lease, open the journal, start the watchdog, write the baseline down, and hand out the switchboard.

    The watchdog is told that all is well only when the journal has nothing left to put back.

    Raises:
        JournalUnresolved: an earlier drill left switches of this target.
        LeaseHeld: another drill holds the target.
        SafetyNetLost: one of the layers did not come up.
        TargetUnreachable: the baseline cannot be read.
    """
    with Lease.take(state, target, LeaseOwner.here(drill_id), clock) as lease:
        refuse_unresolved(state, target)
        path = state.journal(target, drill_id)
        if remote:
            remote.take()
        journal = Journal.create(
            path,
            drill_id=drill_id,
            target=target,
            at=clock.now(),
            ephemeral=ephemeral,
            lease_seconds=remote.seconds if remote else None,
        )
        watchdog = Watchdog.start(state, path)
        watchdog.keep_beating(BEAT_SECONDS, partial(_renew, lease, remote))

        def guard() -> None:
            watchdog.check()
            lease.check()
            if remote:
                remote.renew()

        board = Switchboard(
            switches,
            journal,
            clock,
            pause=pause,
            on_flip=on_flip,
            guard=guard,
            ranks=_ranks(runbook),
            surfaces={switch.id: switch.surface for switch in runbook.switches if switch.surface},
            verify=verify,
        )
        try:
            baseline = board.baseline()
            if remote:
                remote.protect(baseline)
            yield board
        finally:
            if journal.unresolved():
                watchdog.fall_silent()
            else:
                watchdog.done()
                _release(remote)


def _renew(lease: Lease, remote: RemoteLease | None) -> None:
    if remote:  # first: a disk that is full keeps the lease on it from being renewed, not this one
        with suppress(TargetUnreachable):  # the next sign of life tries again, well before the lease runs out
            remote.renew()
    lease.renew()


def _release(remote: RemoteLease | None) -> None:
    if remote:
        with suppress(TargetUnreachable):  # it runs out by itself
            remote.release()


def _ranks(runbook: Runbook) -> dict[str, int]:
    return {switch: level.level for level in runbook.rollback for switch in level.switches}
