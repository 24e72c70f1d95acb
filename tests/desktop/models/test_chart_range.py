from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desktop.models.chart_range import ChartRange, stretch_at

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, 3, 7, tzinfo=UTC)
MOMENTS = st.integers(946_684_800, 2_208_988_800).map(lambda at: datetime.fromtimestamp(at, UTC))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def test_days_are_local_also_when_the_clocks_change() -> None:
    stretch = stretch_at(ChartRange.WEEK, utc(2026, 10, 26, 12), BERLIN)
    assert [(end - start) / timedelta(hours=1) for start, end in pairwise(stretch.edges)] == [
        24,
        24,
        24,
        24,
        24,
        25,
        24,
    ]


def test_a_month_is_all_of_its_days_against_as_much_of_the_one_before() -> None:
    stretch = stretch_at(ChartRange.MONTH, NOW, BERLIN)
    assert (stretch.edges[0], stretch.edges[-1]) == (utc(2026, 10, 31, 23), utc(2026, 11, 30, 23))
    assert len(stretch.edges) == 31
    assert (stretch.before_start, stretch.before_end) == (utc(2026, 9, 30, 22), utc(2026, 10, 20, 11, 3, 7))


def test_a_day_that_the_month_before_did_not_have_is_compared_with_all_of_it() -> None:
    stretch = stretch_at(ChartRange.MONTH, utc(2026, 3, 30, 12), BERLIN)
    assert stretch.before_end == utc(2026, 2, 28, 23)


def test_a_year_is_twelve_months_of_the_calendar() -> None:
    stretch = stretch_at(ChartRange.YEAR, NOW, BERLIN)
    assert len(stretch.edges) == 13
    assert (stretch.edges[0], stretch.edges[-1]) == (utc(2025, 11, 30, 23), utc(2026, 11, 30, 23))
    assert (stretch.before_start, stretch.before_end) == (utc(2024, 11, 30, 23), utc(2025, 11, 20, 12, 3, 7))


def test_short_ranges_end_on_a_whole_step_that_holds_now() -> None:
    stretch = stretch_at(ChartRange.LIVE, NOW, BERLIN)
    assert stretch.edges[-1] == utc(2026, 11, 20, 12, 3, 10)
    assert stretch.edges[0] == stretch.edges[-1] - timedelta(minutes=10)
    assert stretch.before_end == NOW - timedelta(minutes=10)


@pytest.mark.parametrize("chosen", ChartRange)
@given(now=MOMENTS)
def test_now_is_in_it_and_what_it_is_compared_with_lies_before_it(chosen: ChartRange, now: datetime) -> None:
    stretch = stretch_at(chosen, now, BERLIN)
    assert stretch.edges[0] <= now < stretch.edges[-1]
    assert list(stretch.edges) == sorted(set(stretch.edges))
    assert stretch.before_start < stretch.before_end <= stretch.edges[0]
