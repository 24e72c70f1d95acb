"""The stretches of time the spend graph can show."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum


class ChartRange(StrEnum):
    """What the buttons over the graph choose between."""

    LIVE = "Live"
    HOUR = "1 h"
    DAY = "1 d"
    WEEK = "1 w"
    MONTH = "1 m"


_LENGTHS = {
    ChartRange.LIVE: (timedelta(minutes=10), timedelta(seconds=5)),
    ChartRange.HOUR: (timedelta(hours=1), timedelta(minutes=1)),
    ChartRange.DAY: (timedelta(days=1), timedelta(minutes=30)),
}
_TITLES = {
    ChartRange.LIVE: "Last 10 minutes",
    ChartRange.HOUR: "Last hour",
    ChartRange.DAY: "Last 24 hours",
    ChartRange.WEEK: "Last 7 days",
}
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ChartSpan:
    """What to ask the ledger for: [start, end) in UTC, in steps. `by_day` means: add the hours of each local day up."""

    start: datetime
    end: datetime
    step: timedelta
    by_day: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Spend over time. `points` are (start of the bucket in UTC, nano-dollars), oldest first."""

    range: ChartRange
    points: tuple[tuple[datetime, int], ...]

    @property
    def total_nano_usd(self) -> int:
        """All of it."""
        return sum(cost for _, cost in self.points)


def chart_span(chosen: ChartRange, now: datetime, zone: tzinfo) -> ChartSpan:
    """The span of a range as of now. Short ranges end on a whole step, long ones are whole local days."""
    if chosen in _LENGTHS:
        length, step = _LENGTHS[chosen]
        end = now - (now - datetime.min.replace(tzinfo=UTC)) % step + step
        return ChartSpan(end - length, end, step, by_day=False)
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today.replace(day=1) if chosen is ChartRange.MONTH else today - timedelta(days=6)
    following = (first + timedelta(days=32)).replace(day=1) if chosen is ChartRange.MONTH else today + timedelta(days=1)
    return ChartSpan(first.astimezone(UTC), following.astimezone(UTC), _HOUR, by_day=True)


def add_up_days(points: list[tuple[datetime, int]], zone: tzinfo) -> tuple[tuple[datetime, int], ...]:
    """Hourly points added up by local day, so that a day of 23 or 25 hours is one bar."""
    days: dict[object, tuple[datetime, int]] = {}
    for start, cost in points:
        local_day = start.astimezone(zone).date()
        first, so_far = days.get(local_day, (start, 0))
        days[local_day] = (first, so_far + cost)
    return tuple(days.values())


def range_title(chosen: ChartRange, now: datetime, zone: tzinfo) -> str:
    """The page's title: `November` for the month, else `Last hour`."""
    return f"{now.astimezone(zone):%B}" if chosen is ChartRange.MONTH else _TITLES[chosen]
