from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.insight.forecast import DaySpend, month_end, runs_out_at

MONDAY = date(2026, 11, 16)
USD = 1_000_000_000


def days(today: date, count: int, weekday: int, weekend: int) -> list[DaySpend]:
    found = [today - timedelta(days=back) for back in range(1, count + 1)]
    return [DaySpend(day, weekend if day.weekday() >= 5 else weekday) for day in found]


def test_a_steady_month_ends_where_its_days_lead_without_doubt() -> None:
    found = month_end(days(MONDAY, 28, 10 * USD, 2 * USD), MONDAY)
    # Before the 16th: 10 working days and 5 of weekends; from it on: 11 and 4.
    assert found.spent_nano_usd == 110 * USD
    assert found.expected_nano_usd == (110 + 118) * USD
    assert found.low_nano_usd == found.high_nano_usd == found.expected_nano_usd
    assert found.days_known == 28


def test_what_today_cost_is_not_expected_again() -> None:
    history = days(MONDAY, 28, 10 * USD, 2 * USD)
    partly = month_end([*history, DaySpend(MONDAY, 4 * USD)], MONDAY)
    over = month_end([*history, DaySpend(MONDAY, 30 * USD)], MONDAY)
    assert partly.expected_nano_usd == 228 * USD
    assert over.expected_nano_usd == 248 * USD


def test_days_before_the_first_call_do_not_make_the_mean_smaller() -> None:
    found = month_end([DaySpend(MONDAY - timedelta(days=3), 6 * USD)], MONDAY)
    assert found.days_known == 3


def test_a_first_day_tells_nothing_of_the_rest() -> None:
    found = month_end([DaySpend(MONDAY, 5 * USD)], MONDAY)
    assert (found.expected_nano_usd, found.days_known) == (5 * USD, 0)


def test_a_month_that_ends_today_has_only_today_left() -> None:
    last = date(2026, 11, 30)
    found = month_end([*days(last, 28, 10, 0), DaySpend(last, 3)], last)
    assert found.expected_nano_usd - found.spent_nano_usd == 7


@given(st.lists(st.integers(0, 10**13), max_size=45), st.integers(0, 400))
def test_the_range_holds_the_guess_and_nothing_spent_is_lost(costs: list[int], ahead: int) -> None:
    today = MONDAY + timedelta(days=ahead)
    found = month_end([DaySpend(today - timedelta(days=back), cost) for back, cost in enumerate(costs)], today)
    assert found.spent_nano_usd <= found.low_nano_usd <= found.expected_nano_usd <= found.high_nano_usd
    assert found.spent_nano_usd + sum(day.nano_usd for day in found.days_left) == found.expected_nano_usd


@pytest.mark.parametrize(
    ("spent", "hours_gone", "expected"), [(700, 12, 12 * 300 / 700), (0, 12, None), (700, 0.5, None), (1, 12, 48)]
)
def test_a_limit_is_reached_at_the_pace_so_far(spent: int, hours_gone: float, expected: float | None) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    now = start + timedelta(hours=hours_gone)
    found = runs_out_at(
        spent_nano_usd=spent,
        left_nano_usd=1_000 - spent,
        starts_at=start,
        ends_at=start + timedelta(days=1),
        now=now,
    )
    assert found == (None if expected is None else now + timedelta(hours=expected))
