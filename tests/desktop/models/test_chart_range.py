from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.money import NANO_PER_USD
from app.desktop.models.chart_range import ChartRange, add_up_days, chart_span
from app.desktop.widgets.spend_plot import label_places, round_marks

BERLIN = ZoneInfo("Europe/Berlin")


def test_days_are_local_also_when_the_clocks_change() -> None:
    span = chart_span(ChartRange.WEEK, datetime(2026, 10, 26, 12, tzinfo=UTC), BERLIN)
    hours = int((span.end - span.start) / timedelta(hours=1))
    days = add_up_days([(span.start + timedelta(hours=hour), 1) for hour in range(hours)], BERLIN)
    assert [cost for _, cost in days] == [24, 24, 24, 24, 24, 25, 24]


def test_a_month_is_all_of_its_days() -> None:
    span = chart_span(ChartRange.MONTH, datetime(2026, 11, 20, 12, tzinfo=UTC), BERLIN)
    assert (span.start, span.end) == (datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC))


def test_short_ranges_end_on_a_whole_step_that_holds_now() -> None:
    now = datetime(2026, 11, 20, 12, 3, 7, tzinfo=UTC)
    span = chart_span(ChartRange.LIVE, now, BERLIN)
    assert span.end == datetime(2026, 11, 20, 12, 3, 10, tzinfo=UTC)
    assert span.start == span.end - timedelta(minutes=10)


@pytest.mark.parametrize("highest", [0, 1, 17 * NANO_PER_USD, 128_395_020 * NANO_PER_USD])
def test_axis_marks_are_few_and_reach_over_the_highest(highest: int) -> None:
    marks = round_marks(highest)
    assert len(marks) <= 5
    assert marks[0] == 0
    assert marks[-1] >= highest


@pytest.mark.parametrize("count", [0, 1, 5, 30, 120])
def test_at_most_five_labels_of_time(count: int) -> None:
    assert len(label_places(count)) <= 5
