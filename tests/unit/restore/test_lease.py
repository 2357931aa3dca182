"""The lease: one holder at a time, and everyone else is told who it is."""

from __future__ import annotations

import os
import socket

import pytest

from drills.clock import FrozenClock
from drills.errors import LeaseHeld, RunNotFound, SafetyNetLost
from drills.restore.lease import TERM, Lease, LeaseOwner, holder
from drills.restore.recover import force_unlock
from drills.restore.state import StateFolder

ALICE = LeaseOwner(who="alice", host=socket.gethostname(), pid=123, drill_id="drill-1")
BOB = LeaseOwner(who="bob", host=socket.gethostname(), pid=456, drill_id="drill-2")


def elsewhere(owner: LeaseOwner) -> LeaseOwner:
    return owner.model_copy(update={"host": "another-host"})


def die_holding(state: StateFolder, owner: LeaseOwner, clock: FrozenClock) -> None:
    """Leave the record behind and the lock free, as the kernel does for a holder that died."""
    with Lease.take(state, "staging", owner, clock):
        record = state.lease("staging").read_bytes()
    state.lease("staging").write_bytes(record)


def test_the_second_is_refused_and_told_who_holds_it(state: StateFolder, clock: FrozenClock) -> None:
    """A refusal names drill, user, host, process, since and until when, and the command to take over."""
    with Lease.take(state, "staging", ALICE, clock), pytest.raises(LeaseHeld) as refused:
        Lease.take(state, "staging", BOB, clock)
    assert str(refused.value) == (
        f"staging is held by drill drill-1, alice on {ALICE.host} (pid 123), since 2026-03-02 12:00:00 UTC, "
        "until 12:15:00 UTC unless renewed\n"
        "  next: wait for it, or take over with `drill restore --force-unlock drill-1`"
    )
    assert refused.value.exit_code == 2


def test_targets_are_leased_one_by_one(state: StateFolder, clock: FrozenClock) -> None:
    """Holding one target keeps nobody from another one."""
    with Lease.take(state, "staging", ALICE, clock), Lease.take(state, "embedded", BOB, clock) as other:
        other.check()


def test_a_lease_given_back_is_free(state: StateFolder, clock: FrozenClock) -> None:
    """After a release the next one gets it, and nothing of the first is left."""
    Lease.take(state, "staging", ALICE, clock).release()
    assert not state.lease("staging").exists()
    with Lease.take(state, "staging", BOB, clock) as lease:
        assert lease.record.owner == BOB


def test_a_dead_holder_on_this_host_holds_nothing(state: StateFolder, clock: FrozenClock) -> None:
    """The record of a process that died does not keep others out."""
    die_holding(state, ALICE, clock)
    assert holder(state.lease("staging")) is None
    with Lease.take(state, "staging", BOB, clock) as lease:
        lease.check()


def test_another_hosts_lease_holds_until_it_expires(state: StateFolder, clock: FrozenClock) -> None:
    """On a shared folder the lock of another host cannot be seen: its record holds until its time is up."""
    die_holding(state, elsewhere(ALICE), clock)
    with pytest.raises(LeaseHeld, match="alice on another-host"):
        Lease.take(state, "staging", BOB, clock)
    clock.advance(TERM)
    with Lease.take(state, "staging", BOB, clock) as lease:
        lease.check()


def test_a_renewed_lease_holds_longer(state: StateFolder, clock: FrozenClock) -> None:
    """Renewing moves the expiry a whole term into the future, on the disk as well."""
    with Lease.take(state, "staging", ALICE, clock) as lease:
        clock.advance(600)
        lease.renew()
        with pytest.raises(LeaseHeld, match="until 12:25:00 UTC"):
            Lease.take(state, "staging", BOB, clock)


def test_who_is_forced_out_knows_it(state: StateFolder, clock: FrozenClock) -> None:
    """After a forced unlock the next one gets the lease; the old holder's check names the new one."""
    old = Lease.take(state, "staging", ALICE, clock)
    assert force_unlock(state, "drill-1").owner == ALICE
    with pytest.raises(SafetyNetLost, match=r"taken from drill drill-1\n"):
        old.renew()
    with Lease.take(state, "staging", BOB, clock) as new:
        with pytest.raises(SafetyNetLost, match="it is now with drill drill-2, bob"):
            old.check()
        old.release()
        new.check()


def test_only_a_lease_that_is_there_can_be_forced(state: StateFolder, clock: FrozenClock) -> None:
    """A forced unlock of an unknown drill changes nothing and says where to look."""
    with Lease.take(state, "staging", ALICE, clock) as lease:
        with pytest.raises(RunNotFound, match="no lease is held by drill drill-9"):
            force_unlock(state, "drill-9")
        lease.check()


def test_a_record_that_makes_no_sense_does_not_let_a_second_one_in(state: StateFolder, clock: FrozenClock) -> None:
    """The lock decides, not the record: rubbish in it still means held."""
    with Lease.take(state, "staging", ALICE, clock):
        state.lease("staging").write_text("rubbish")
        with pytest.raises(LeaseHeld, match="just taking it or giving it back"):
            Lease.take(state, "staging", BOB, clock)


def test_a_state_folder_that_cannot_be_written_is_told(state: StateFolder, clock: FrozenClock) -> None:
    """Without a place for its record there is no lease, and the lock is free again."""
    state.lease("staging").mkdir()
    with pytest.raises(SafetyNetLost, match="cannot be written"):
        Lease.take(state, "staging", ALICE, clock)
    state.lease("staging").rmdir()
    with Lease.take(state, "staging", BOB, clock) as lease:
        lease.check()


def test_an_owner_is_this_process() -> None:
    """An owner made here names this host and process."""
    owner = LeaseOwner.here("drill-1")
    assert (owner.host, owner.pid, owner.drill_id) == (socket.gethostname(), os.getpid(), "drill-1")


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container whose user is in no user database, the number stands for the name."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert LeaseOwner.here("drill-1").who == "uid 4000000"
