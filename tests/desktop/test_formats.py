from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.desktop import formats

NOW = datetime(2026, 11, 20, 13, 32, 7, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(seconds=1), "now"),
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=8), "8 s"),
        (timedelta(minutes=41), "41 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(hours=15, minutes=20), "yesterday 23:12"),
        (timedelta(days=3), "Tue 14:32"),
        (timedelta(days=8), "Nov 12"),
        (timedelta(days=373), "Nov 12, 2025"),
    ],
)
def test_relative_times(ago: timedelta, told: str) -> None:
    assert formats.relative_time(NOW - ago, NOW, BERLIN) == told


def test_absolute_time_names_its_zone() -> None:
    assert formats.absolute_time(NOW, BERLIN) == "Fri 20 Nov 2026, 14:32:07 CET"


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(minutes=8, seconds=48), "8:48"),
        (timedelta(seconds=-3), "0:00"),
        (timedelta(minutes=41), "41 min"),
        (timedelta(minutes=70), "1 h 10 min"),
        (timedelta(hours=9), "9 h"),
        (timedelta(days=5), "5 days"),
    ],
)
def test_countdowns(left: timedelta, told: str) -> None:
    assert formats.countdown(left) == told


@pytest.mark.parametrize(
    ("tokens", "told"),
    [(None, "—"), (0, "0"), (950, "950"), (12_400, "12.4k"), (999_999, "1.0M"), (2_200_000, "2.2M")],
)
def test_token_counts(tokens: int | None, told: str) -> None:
    assert formats.token_count(tokens) == told


@pytest.mark.parametrize(
    ("nano", "told"), [(10**12 * 12, "$12k"), (15 * 10**9, "$15"), (5 * 10**8, "$0.50"), (10**17, "$100M")]
)
def test_axis_amounts(nano: int, told: str) -> None:
    assert formats.axis_usd(nano) == told


def test_a_sum_with_unpriced_calls_is_a_floor_and_nothing_known_is_a_dash() -> None:
    assert formats.sum_text(1_500_000_000, 0) == "$1.50"
    assert formats.sum_text(1_500_000_000, 36) == "$1.50+"
    assert formats.sum_text(0, 36) == "—"
    assert formats.sum_text(0, 0) == "$0.00"


def test_rates_and_spoken_amounts() -> None:
    assert formats.rate(3_100_000_000) == "$3.10/h"
    assert formats.spoken_usd(380_000_000) == "38 cents"
    assert formats.spoken_usd(128_400_000_000) == "128 dollars 40"


def test_a_tooltip_never_reads_an_agents_name_as_markup() -> None:
    assert formats.tooltip("<b>x</b>") == "<span>&lt;b&gt;x&lt;/b&gt;</span>"
