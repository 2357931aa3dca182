from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.clock import FrozenClock
from drills.staging.supervisor.lease import LeaseDesk, LeaseRefusedError

NOON = datetime(2026, 2, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands at noon."""
    return FrozenClock(NOON)


@pytest.fixture
def desk(clock: FrozenClock) -> LeaseDesk:
    """A desk with nothing handed out."""
    return LeaseDesk(clock)


def test_a_lease_says_who_holds_it_and_until_when(desk: LeaseDesk) -> None:
    """The lease carries its holder, its end, and the values to go back to."""
    lease = desk.take("ada", "drill-1", 30, {"web": "false"})
    assert (lease.owner, lease.drill_id, lease.expires_at) == ("ada", "drill-1", NOON + timedelta(seconds=30))
    assert lease.baseline == {"web": "false"}
    assert desk.current == lease


def test_a_second_one_is_refused_and_told_who_holds_it(desk: LeaseDesk) -> None:
    """There is one lease at a time."""
    held = desk.take("ada", "drill-1", 30, {})
    with pytest.raises(LeaseRefusedError, match="drill drill-1 of ada holds it") as refused:
        desk.take("bob", "drill-2", 30, {})
    assert refused.value.holder == held


def test_every_lease_has_a_higher_token(desk: LeaseDesk) -> None:
    """A token is never used again, so an old holder can be told from the new one."""
    first = desk.take("ada", "drill-1", 30, {})
    desk.release(first.token)
    second = desk.take("bob", "drill-2", 30, {})
    assert second.token > first.token
    with pytest.raises(LeaseRefusedError, match="is over"):
        desk.renew(first.token, 30, {})
    with pytest.raises(LeaseRefusedError, match="is over"):
        desk.release(first.token)
    assert desk.current == second


def test_renewing_moves_the_end(desk: LeaseDesk, clock: FrozenClock) -> None:
    """A renewed lease runs from now; its baseline stays unless another one comes with it."""
    lease = desk.take("ada", "drill-1", 30, {"web": "false"})
    clock.advance(20)
    assert desk.renew(lease.token, 30, {}).baseline == {"web": "false"}
    assert desk.seconds_left() == 30
    assert desk.renew(lease.token, 30, {"web": "true"}).baseline == {"web": "true"}


def test_a_lease_that_ran_out_is_held_until_its_baseline_is_back(desk: LeaseDesk, clock: FrozenClock) -> None:
    """Nobody gets a staging whose switches are still being put back, and its old holder has lost it."""
    lease = desk.take("ada", "drill-1", 30, {})
    clock.advance(30)
    assert desk.seconds_left() == 0
    with pytest.raises(LeaseRefusedError):
        desk.renew(lease.token, 30, {})
    with pytest.raises(LeaseRefusedError):
        desk.take("bob", "drill-2", 30, {})
    desk.end(lease)
    assert desk.take("bob", "drill-2", 30, {}).owner == "bob"


def test_ending_an_old_lease_leaves_the_new_one_alone(desk: LeaseDesk) -> None:
    """Putting back takes a while; what was handed out since then is not ended with it."""
    old = desk.take("ada", "drill-1", 30, {})
    desk.release(old.token)
    new = desk.take("bob", "drill-2", 30, {})
    desk.end(old)
    assert desk.current == new


def test_without_a_lease_there_is_no_time_left(desk: LeaseDesk) -> None:
    """No lease is not the same as one that ran out."""
    assert (desk.current, desk.seconds_left()) == (None, None)
