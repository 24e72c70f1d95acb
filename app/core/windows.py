"""Calendar windows of a cap: which one an instant falls in, when it began and when it ends.

Windows tile time in the cap's own IANA zone: a day may last 23 or 25 hours, a month ends when that zone's calendar
says. A window is named by a key that sorts in time: `2026-11-22`, `week of 2026-11-16`, `2026-11`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.errors import InvalidInput

_REMEMBERED = 500
"""Days, for each way of counting them. Every call asks about today, for each of its caps."""


class Window(StrEnum):
    """How often a cap starts anew. `session` and `total` never do."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    SESSION = "session"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """One window. `starts_at` and `ends_at` are UTC, the end exclusive; None where the window has no bound in time."""

    key: str
    starts_at: datetime | None
    ends_at: datetime | None


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises InvalidInput for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            "No such time zone", f"“{name[:60]}” is not an IANA zone. Write it like Europe/Berlin."
        ) from None


def span_at(
    window: Window, instant: datetime, time_zone: ZoneInfo, *, week_start: int = 0, session: str = ""
) -> WindowSpan:
    """The window that the aware `instant` falls in. `week_start` is 0 for Monday to 6 for Sunday; `session` names a
    session window."""
    if window is Window.TOTAL:
        return WindowSpan("total", None, None)
    if window is Window.SESSION:
        return WindowSpan(f"session:{session}", None, None)
    return _span_of_day(window, _local_day(instant, time_zone), time_zone, week_start)


@lru_cache(_REMEMBERED)
def _span_of_day(window: Window, today: date, time_zone: ZoneInfo, week_start: int) -> WindowSpan:
    first, following = _bounds(window, today, week_start)
    return WindowSpan(_key(window, first), _midnight(first, time_zone), _midnight(following, time_zone))


def _local_day(instant: datetime, time_zone: ZoneInfo) -> date:
    """The local date. A day that has begun stays: where clocks go back over midnight, the hour that the calendar shows
    again belongs to the new day, so that a window key never goes backwards."""
    today = instant.astimezone(time_zone).date()
    tomorrow = today + timedelta(days=1)
    return tomorrow if instant >= _midnight(tomorrow, time_zone) else today


def _bounds(window: Window, today: date, week_start: int) -> tuple[date, date]:
    if window is Window.DAY:
        return today, today + timedelta(days=1)
    if window is Window.WEEK:
        first = today - timedelta(days=(today.weekday() - week_start) % 7)
        return first, first + timedelta(days=7)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _key(window: Window, first: date) -> str:
    if window is Window.MONTH:
        return f"{first:%Y-%m}"
    return f"{first:%Y-%m-%d}" if window is Window.DAY else f"week of {first:%Y-%m-%d}"


@lru_cache(_REMEMBERED)
def _midnight(day: date, time_zone: ZoneInfo) -> datetime:
    """The first instant of a local day. Where clocks jump over midnight that is the jump itself."""
    return datetime(day.year, day.month, day.day, tzinfo=time_zone).astimezone(UTC)
