"""Where spend leads: when a limit is reached at the pace so far, and what a month will come to.

A month's end is what is spent plus what the days left are likely to bring: each of them the mean of the days like it
(working days, weekends) among the last four weeks, today what is missing from such a day. The range holds four in five
months if days vary as they did and do not hang together: 1.28 times the root of the days' summed variances. Agents
work in bouts, so a true range is rather wider. Whole nano-dollars throughout; means are rounded down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isqrt

PACE_FROM_PERCENT = 3
"""How much of a window must be gone before its pace means anything."""
DAYS_LOOKED_AT = 28
_SATURDAY = 5
_Z_SQUARED_1000 = 1_642  # 1.2816 squared: four in five


def runs_out_at(
    *, spent_nano_usd: int, left_nano_usd: int, starts_at: datetime, ends_at: datetime, now: datetime
) -> datetime | None:
    """When the limit is reached at the pace of this window so far; None where it is too early, or nothing is spent.

    Never further away than two windows.
    """
    gone, whole = now - starts_at, ends_at - starts_at
    if not spent_nano_usd or gone * 100 < whole * PACE_FROM_PERCENT:
        return None
    left = gone.total_seconds() * left_nano_usd / spent_nano_usd
    return now + timedelta(seconds=min(left, whole.total_seconds() * 2))


@dataclass(frozen=True, slots=True)
class DaySpend:
    """What one day cost, in nano-dollars."""

    day: date
    nano_usd: int


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """What a month will come to. `days_known` is how many days the guess rests on; with none it is what is spent.

    `days_left` are today, as far as it is still to come, and the days after it: with what is spent they add up to what
    is expected.
    """

    spent_nano_usd: int
    expected_nano_usd: int
    low_nano_usd: int
    high_nano_usd: int
    days_known: int
    days_left: tuple[DaySpend, ...] = ()


def month_end(days: Sequence[DaySpend], today: date) -> MonthEnd:
    """The month of `today` at its end. `days` hold the spend of this month and of the four weeks before today; days
    that are missing cost nothing, a day named twice costs both; days before the first that cost anything do not count.
    """
    by_day: dict[date, int] = {}
    for one in days:
        by_day[one.day] = by_day.get(one.day, 0) + one.nano_usd
    spent = sum(nano for day, nano in by_day.items() if (day.year, day.month) == (today.year, today.month))
    first = min((day for day, nano in by_day.items() if nano), default=today)
    known = [today - timedelta(days=back) for back in range(1, DAYS_LOOKED_AT + 1)]
    known = [day for day in known if day >= first]
    if not known:
        return MonthEnd(spent, spent, spent, spent, 0)
    days_left, variance = [], 0
    for day in _days_left(today):
        mean, spread = _like(day, known, by_day)
        days_left.append(DaySpend(day, max(0, mean - by_day.get(today, 0)) if day == today else mean))
        variance += spread
    expected = sum(one.nano_usd for one in days_left)
    width = isqrt(variance * _Z_SQUARED_1000 // 1_000)
    low, high = spent + max(0, expected - width), spent + expected + width
    return MonthEnd(spent, spent + expected, low, high, len(known), tuple(days_left))


def _days_left(today: date) -> list[date]:
    """Today and the days of the month after it."""
    following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return [today + timedelta(days=ahead) for ahead in range((following - today).days)]


def _like(day: date, known: Sequence[date], by_day: dict[date, int]) -> tuple[int, int]:
    """Mean and variance of the known days like this one; of all of them where none is."""
    is_weekend = day.weekday() >= _SATURDAY
    alike = [by_day.get(one, 0) for one in known if (one.weekday() >= _SATURDAY) == is_weekend]
    costs = alike or [by_day.get(one, 0) for one in known]
    mean = sum(costs) // len(costs)
    return mean, sum((cost - mean) ** 2 for cost in costs) // len(costs)
