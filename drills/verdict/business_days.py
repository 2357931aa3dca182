"""How long a hold lasts, in business days and seconds. The only importer of ``holidays``.

Only time on business days counts: a business day that begins on Friday at 15:00 ends on Monday at 15:00, and one that
begins on Saturday ends when Monday ends. Times of day are those of the calendar's time zone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from drills.errors import ConfigurationError
from drills.runbook.model import Calendar, Hold

_DAY = timedelta(days=1)


class BusinessDays:
    """The business days of a calendar.

    Raises:
        ConfigurationError: the calendar names a country, a subdivision or a time zone that nobody knows.
    """

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._zone = _zone(calendar.time_zone)
        self._holidays = _holidays(calendar)

    def describe(self) -> str:
        """Return in words whose days are counted."""
        country, part, zone = self._calendar.country, self._calendar.subdivision, self._calendar.time_zone
        if country is None:
            return f"Monday to Friday, {zone}; public holidays are not known, because no country is set"
        return f"business days of {country}{f'-{part}' if part else ''}, {zone}"

    def begin(self, end: datetime, hold: Hold) -> datetime:
        """Return the latest moment at which ``hold`` can have begun to be over at ``end``."""
        local = (end - timedelta(seconds=hold.seconds)).astimezone(self._zone)
        if not hold.business_days:
            return local.astimezone(UTC)
        day, of_day = local.date(), _of_day(local)
        if of_day and self._is_one(day):
            return self._at(self._step(day, -hold.business_days), of_day)
        # the hold ends with the last business day before, and so begins with one
        last = self._step(day, -1)
        return self._at(self._steps(last, 1 - hold.business_days), timedelta(0))

    def end(self, begin: datetime, hold: Hold) -> datetime:
        """Return the earliest moment at which ``hold`` is over when it began at ``begin``."""
        over = begin.astimezone(self._zone)
        if hold.business_days:
            day, of_day = over.date(), _of_day(over)
            if not self._is_one(day):
                day, of_day = self._step(day, 1), timedelta(0)
            # a whole number of days that began at midnight is over at the end of the last one
            whole = of_day == timedelta(0)
            day = self._steps(day, hold.business_days - whole)
            over = self._at(day, _DAY if whole else of_day).astimezone(self._zone)
        return over.astimezone(UTC) + timedelta(seconds=hold.seconds)

    def _is_one(self, day: date) -> bool:
        return self._holidays.is_working_day(day)

    def _step(self, day: date, step: int) -> date:
        return self._holidays.get_nth_working_day(day, step)

    def _steps(self, day: date, count: int) -> date:
        return self._step(day, count) if count else day

    def _at(self, day: date, of_day: timedelta) -> datetime:
        """Return the moment of this time of day; wall time, so that a day with a clock change is still one day."""
        return (datetime.combine(day, time(), self._zone) + of_day).astimezone(UTC)


def _of_day(local: datetime) -> timedelta:
    return local.replace(tzinfo=None) - datetime.combine(local.date(), time())


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(
            f"the calendar's time zone {name!r} is not known", remedy="name one such as Europe/Berlin"
        ) from None


def _holidays(calendar: Calendar) -> holidays.HolidayBase:
    if calendar.country is None:
        return holidays.HolidayBase()
    try:
        return holidays.country_holidays(calendar.country, subdiv=calendar.subdivision)
    except NotImplementedError as error:
        raise ConfigurationError(f"the calendar: {error}", remedy="name a country by its two ISO letters") from None
