from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigurationError
from drills.runbook.model import Calendar, Hold
from drills.verdict.business_days import BusinessDays

ONE_DAY = Hold(business_days=1)
WEEKDAYS = BusinessDays(Calendar())
BAVARIA = BusinessDays(Calendar(country="DE", subdivision="BY", time_zone="Europe/Berlin"))
CALENDARS = st.sampled_from([WEEKDAYS, BAVARIA, BusinessDays(Calendar(country="AE", time_zone="Asia/Dubai"))])
#: Two years, on the hour, so that midnight is often among them, or at any second.
MOMENTS = (st.integers(0, 17_500).map(lambda hour: hour * 3600) | st.integers(0, 63_000_000)).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
HOLDS = st.builds(Hold, business_days=st.integers(0, 6), seconds=st.sampled_from([0, 1, 3600, 90_000]))


def at(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("began", "over"),
    [
        ("2026-11-18 15:00", "2026-11-19 15:00"),  # Wednesday afternoon
        ("2026-11-20 15:00", "2026-11-23 15:00"),  # Friday: the weekend does not count
        ("2026-11-21 15:00", "2026-11-24 00:00"),  # Saturday: begins with Monday
        ("2026-11-23 00:00", "2026-11-24 00:00"),  # a whole Monday
        ("2026-11-20 00:00", "2026-11-21 00:00"),  # a whole Friday is over when the weekend begins
    ],
)
def test_a_business_day_leaves_weekends_out(began: str, over: str) -> None:
    """Only time on business days counts towards a hold."""
    assert WEEKDAYS.end(at(began), ONE_DAY) == at(over)


def test_public_holidays_and_the_time_zone_are_those_of_the_calendar() -> None:
    """In Bavaria, a day that begins on 5 January at noon skips Epiphany, and summer time does not stretch a day."""
    assert BAVARIA.end(at("2026-01-05 11:00"), ONE_DAY) == at("2026-01-07 11:00")
    assert BAVARIA.end(at("2026-03-27 11:00"), ONE_DAY) == at("2026-03-30 10:00")
    assert WEEKDAYS.end(at("2026-01-05 11:00"), ONE_DAY) == at("2026-01-06 11:00")


def test_days_and_seconds_add_up() -> None:
    """A hold may ask for business days and for seconds."""
    assert WEEKDAYS.end(at("2026-11-20 15:00"), Hold(business_days=2, seconds=3600)) == at("2026-11-24 16:00")
    assert WEEKDAYS.end(at("2026-11-21 15:00"), Hold(seconds=3600)) == at("2026-11-21 16:00")


@given(days=CALENDARS, began=MOMENTS, now=MOMENTS, hold=HOLDS)
def test_counting_forwards_and_backwards_agree(days: BusinessDays, began: datetime, now: datetime, hold: Hold) -> None:
    """A hold that began at the latest at ``begin(now)`` is over now, and no other is."""
    assert (days.end(began, hold) <= now) == (began <= days.begin(now, hold))


@given(days=CALENDARS, began=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=9)), hold=HOLDS)
def test_who_begins_later_is_not_done_earlier(
    days: BusinessDays, began: datetime, later: timedelta, hold: Hold
) -> None:
    """The end of a hold never moves back when its beginning moves on, and lies never before it."""
    assert began <= days.end(began, hold) <= days.end(began + later, hold)


@pytest.mark.parametrize(
    "calendar",
    [Calendar(country="XX"), Calendar(country="DE", subdivision="QQ"), Calendar(time_zone="Europe/Nowhere")],
)
def test_a_calendar_that_nobody_knows_is_refused(calendar: Calendar) -> None:
    """A mistyped country does not quietly become one without holidays."""
    with pytest.raises(ConfigurationError):
        BusinessDays(calendar)


def test_it_says_when_holidays_are_not_known() -> None:
    """A reader of a decision is told whose days were counted, and what was not known."""
    assert BAVARIA.describe() == "business days of DE-BY, Europe/Berlin"
    assert "no country is set" in WEEKDAYS.describe()
