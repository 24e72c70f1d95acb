from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.desktop.models.chart_range import ChartRange, stretch_at
from app.desktop.models.overview_view import (
    average_words,
    change_words,
    forecast_words,
    label_word,
    share_words,
    spent_words,
)
from app.desktop.models.spend_view import OTHERS, spend_view, swatches_of
from app.desktop.overview_reading import Overview
from app.insight.forecast import DaySpend, MonthEnd
from app.insight.overview import LabelShare, TaskAverage

NOW = datetime(2026, 11, 20, 13, 32, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
USD = NANO_PER_USD


def overview(chosen: ChartRange = ChartRange.MONTH, **more: object) -> Overview:
    stretch = stretch_at(chosen, NOW, BERLIN)
    empty = Overview(NOW, BERLIN, stretch, 0, 0, 0, {}, {}, (), None, None, ())
    return replace(empty, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spent", "before", "caption"),
    [
        (114, 100, "this month, 14% more than by Oct 20"),
        (92, 100, "this month, 8% less than by Oct 20"),
        (100, 100, "this month, as much as by Oct 20"),
        (2_700, 100, "this month, 27 times as much as by Oct 20"),
        (100, 0, "this month"),
    ],
)
def test_what_was_spent_is_compared_in_words(spent: int, before: int, caption: str) -> None:
    words = spent_words(overview(spent_nano_usd=spent * USD, before_nano_usd=before * USD))
    assert words.caption == caption


@pytest.mark.parametrize(
    ("chosen", "caption"),
    [
        (ChartRange.LIVE, "in the last 10 minutes, 14% more than in the 10 minutes before"),
        (ChartRange.HOUR, "in the last hour, 14% more than in the hour before"),
        (ChartRange.DAY, "in the last 24 hours, 14% more than in the 24 hours before"),
        (ChartRange.WEEK, "in the last 7 days, 14% more than in the 7 days before"),
        (ChartRange.YEAR, "in the last 12 months, 14% more than in the 12 months before"),
    ],
)
def test_each_range_has_its_words(chosen: ChartRange, caption: str) -> None:
    assert spent_words(overview(chosen, spent_nano_usd=114, before_nano_usd=100)).caption == caption
    assert forecast_words(overview(chosen)) is None


def test_a_month_after_a_shorter_one_is_compared_with_all_of_it() -> None:
    march = stretch_at(ChartRange.MONTH, datetime(2026, 3, 31, 12, tzinfo=UTC), BERLIN)
    words = spent_words(overview(stretch=march, spent_nano_usd=2, before_nano_usd=1))
    assert words.caption == "this month, 100% more than in all of February"


def test_calls_without_a_price_make_the_sum_a_floor() -> None:
    words = spent_words(overview(spent_nano_usd=USD, unpriced_calls=36))
    assert (words.amount, words.hint) == ("$1.00+", "and 36 calls without a price")


def test_a_forecast_is_whole_dollars_with_its_range_and_a_dash_while_nobody_knows() -> None:
    month = MonthEnd(214 * USD, 303 * USD + 1, 286 * USD, 331 * USD, 28)
    known, unknown = forecast_words(overview(month=month)), forecast_words(overview(month=replace(month, days_known=0)))
    assert known is not None
    assert unknown is not None
    assert (known.amount, known.caption) == ("$303", "forecast to Nov 30, between $286 and $331")
    assert (unknown.amount, unknown.caption) == ("—", "forecast to Nov 30, too early to tell")


def test_an_average_task_has_its_count_and_median() -> None:
    words = average_words(overview(average=TaskAverage(692, 310_000_000, 180_000_000)))
    assert words is not None
    assert (words.amount, words.caption) == ("$0.31", "average task, 692 tasks, median $0.18")
    assert average_words(overview()) is None


@pytest.mark.parametrize(
    ("now", "before", "words"), [(122, 100, "+22%"), (92, 100, "−8%"), (5, 0, "new"), (5, None, ""), (7, 7, "same")]
)
def test_a_change_is_told_without_a_judgement(now: int, before: int | None, words: str) -> None:
    assert change_words(LabelShare("a", now, 0, 200, before)) == words


def test_a_share_that_is_not_known_is_a_dash() -> None:
    assert share_words(LabelShare("a", 0, 2, 200, None)) == "—"
    assert share_words(LabelShare("a", 1, 2, 2_000, None)) == "<1%"
    assert share_words(LabelShare("a", 60, 0, 100, None)) == "60%"
    assert label_word(Scope.TEAM, "") == "No team told"


def test_agents_keep_the_colour_they_got_when_first_seen_and_the_sixth_is_among_others() -> None:
    agents = tuple("abcdefg")
    month = overview(agents=agents, buckets={("b", 0): 5, ("g", 0): 1, ("f", 3): 2, ("e", 0): 7})
    view = spend_view(month, ())
    assert [(one.name, one.swatch.token) for one in view.series] == [
        ("b", "series_2"), ("e", "series_5"), (OTHERS, "text_3"),
    ]  # fmt: skip
    assert (view.buckets[0].parts, view.buckets[3].parts) == ((5, 7, 1), (0, 0, 2))
    assert swatches_of(month)["g"].token == "text_3"


def test_one_agent_alone_needs_no_colour() -> None:
    alone = overview(agents=("a", "b"), buckets={("b", 0): 5})
    assert [one.swatch.token for one in spend_view(alone, ()).series] == ["bar"]


def test_a_graph_tells_its_period_and_sum_and_what_is_still_to_come() -> None:
    days = (DaySpend(date(2026, 11, 20), 3), DaySpend(date(2026, 11, 30), 9))
    month = overview(spent_nano_usd=214 * USD + 600_000_000, month=MonthEnd(0, 12, 12, 12, 28, days))
    view = spend_view(month, ())
    assert view.name == "Spend by day in November, 214 dollars 60"
    assert {number: one.forecast_nano_usd for number, one in enumerate(view.buckets) if one.forecast_nano_usd} == {
        19: 3, 29: 9,
    }  # fmt: skip
    assert [words for _, words in view.ticks] == ["Nov 1", "5", "10", "15", "20", "25", "30"]
    assert view.buckets[19].label == "Fri, Nov 20"
    assert spend_view(overview(ChartRange.YEAR), ()).name == "Spend by month in the last 12 months, 0 cents"
    assert [words for _, words in spend_view(overview(ChartRange.YEAR), ()).ticks][:3] == ["Dec", "Jan 2026", "Feb"]
    hour = spend_view(overview(ChartRange.HOUR), ())
    assert [words for _, words in hour.ticks] == ["13:45", "14:00", "14:15", "14:30"]
