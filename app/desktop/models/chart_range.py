"""The stretches of time the Overview can show, each cut into the buckets of its graph."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class ChartRange(StrEnum):
    """What the buttons over the graph choose between."""

    LIVE = "Live"
    HOUR = "1 h"
    DAY = "1 d"
    WEEK = "1 w"
    MONTH = "1 m"
    YEAR = "1 y"


BY_BARS = (ChartRange.WEEK, ChartRange.MONTH, ChartRange.YEAR)
BY_DAY = (ChartRange.WEEK, ChartRange.MONTH)
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
    ChartRange.YEAR: "Last 12 months",
}
_WEEK = timedelta(days=7)
_MONTHS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """What to ask the ledger for, in UTC. A bucket goes from one of the `edges` to the next; the last ends in the
    future or now. `before_start` and `before_end` bound what it is compared with: as much of an earlier stretch as is
    over of this one."""

    range: ChartRange
    edges: tuple[datetime, ...]
    before_start: datetime
    before_end: datetime

    @property
    def start(self) -> datetime:
        """Where the first bucket begins."""
        return self.edges[0]


def stretch_at(chosen: ChartRange, now: datetime, zone: ZoneInfo) -> Stretch:
    """A range as of now. Short ranges end on a whole step, days and months are those of the zone's calendar."""
    if chosen in _LENGTHS:
        length, step = _LENGTHS[chosen]
        end = now - (now - datetime.min.replace(tzinfo=UTC)) % step + step
        start = end - length
        edges = tuple(start + step * number for number in range(length // step + 1))
        return Stretch(chosen, edges, start - length, now - length)
    local = now.astimezone(zone)
    today = local.date()
    if chosen is ChartRange.WEEK:
        first = today - timedelta(days=6)
        return Stretch(chosen, day_edges(first, today, zone), midnight(first - _WEEK, zone), _same_time(local, -_WEEK))
    this_month = today.replace(day=1)
    if chosen is ChartRange.MONTH:
        edges = day_edges(this_month, months_on(this_month, 1) - timedelta(days=1), zone)
        before = months_on(this_month, -1)
        return Stretch(chosen, edges, midnight(before, zone), _months_before(local, 1, zone))
    months = [months_on(this_month, number) for number in range(1 - _MONTHS_SHOWN, 2)]
    before = months_on(this_month, 1 - 2 * _MONTHS_SHOWN)
    edges = tuple(midnight(month, zone) for month in months)
    return Stretch(chosen, edges, midnight(before, zone), _months_before(local, _MONTHS_SHOWN, zone))


def day_edges(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The midnights around each day from the first to the last, in UTC: a day may have 23 or 25 hours."""
    return tuple(midnight(first + timedelta(days=number), zone) for number in range((last - first).days + 2))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where a local day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def months_on(month: date, count: int) -> date:
    """The first of the month so many months later."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


def range_title(chosen: ChartRange, now: datetime, zone: ZoneInfo) -> str:
    """The page's title: `November` for the month, else `Last hour`."""
    return f"{now.astimezone(zone):%B}" if chosen is ChartRange.MONTH else _TITLES[chosen]


def _months_before(local: datetime, count: int, zone: ZoneInfo) -> datetime:
    """The same day and time so many months ago, or that month's end where it has no such day."""
    month = months_on(local.date(), -count)
    following = months_on(month, 1)
    if local.day > (following - month).days:
        return midnight(following, zone)
    return local.replace(year=month.year, month=month.month).astimezone(UTC)


def _same_time(local: datetime, away: timedelta) -> datetime:
    """The same time of another day."""
    return (local + away).astimezone(UTC)
