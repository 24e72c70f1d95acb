from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.core.windows import Window, WindowSpan, span_at, zone
from tests.faults.cells import cell

CALENDAR = (Window.DAY, Window.WEEK, Window.MONTH)
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 12, 31, tzinfo=UTC)
MICRO = timedelta(microseconds=1)

# Clocks that went back over midnight, so that the calendar showed a day twice; a zone that left a day out; ones that
# jump at midnight.
ODD_NIGHTS = [
    ("America/St_Johns", datetime(2006, 10, 29, 2, 45, tzinfo=UTC)),
    ("Antarctica/Casey", datetime(2010, 3, 4, 15, 30, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 2, 59, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2022, 10, 29, 21, 30, tzinfo=UTC)),
]


@cache
def zone_names() -> list[str]:
    return sorted(name for name in available_timezones() if "/" in name)


def bounds(span: WindowSpan) -> tuple[datetime, datetime]:
    assert span.starts_at is not None
    assert span.ends_at is not None
    return span.starts_at, span.ends_at


def check_tiling(window: Window, name: str, instant: datetime, week_start: int) -> None:
    def at(moment: datetime) -> WindowSpan:
        return span_at(window, moment, zone(name), week_start=week_start)

    span = at(instant)
    starts_at, ends_at = bounds(span)
    assert starts_at <= instant < ends_at
    assert at(starts_at) == at(ends_at - MICRO) == span, "one window, one key"
    following, previous = at(ends_at), at(starts_at - MICRO)
    assert bounds(following)[0] == ends_at, "no gap and no overlap"
    assert bounds(previous)[1] == starts_at, "no gap and no overlap"
    assert previous.key < span.key < following.key, "keys sort in time"


@cell(
    "F13",
    "any instant from 2000 to 2040",
    "in any zone of the world",
    "windows tile time: no gap, no overlap, keys that sort",
)
@given(
    st.sampled_from(CALENDAR),
    st.sampled_from(zone_names()),
    st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)),
    st.integers(0, 6),
)
@settings(max_examples=400)
@example(Window.DAY, *ODD_NIGHTS[0], 0)
@example(Window.DAY, *ODD_NIGHTS[1], 0)
@example(Window.DAY, *ODD_NIGHTS[2], 0)
def test_windows_tile_time_in_every_zone(window: Window, name: str, instant: datetime, week_start: int) -> None:
    check_tiling(window, name, instant, week_start)


@cell(
    "F13",
    "clocks that jump over midnight, a day left out",
    "around that night",
    "windows tile time, and a key never goes backwards",
)
@pytest.mark.parametrize(("name", "night"), ODD_NIGHTS)
@pytest.mark.parametrize("window", CALENDAR)
def test_windows_tile_time_through_odd_nights(window: Window, name: str, night: datetime) -> None:
    keys = []
    for minutes in range(-26 * 60, 26 * 60, 10):
        moment = night + timedelta(minutes=minutes)
        check_tiling(window, name, moment, 0)
        keys.append(span_at(window, moment, zone(name)).key)
    assert keys == sorted(keys), "a key never goes backwards"


@cell("F13", "days of 23, 24, 24.5 and 25 hours", "the day's window", "as long as its zone makes it")
@pytest.mark.parametrize(
    ("name", "noon_utc", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("Australia/Lord_Howe", datetime(2026, 4, 5, 1, tzinfo=UTC), 24.5),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 15, tzinfo=UTC), 23),
        ("Asia/Tokyo", datetime(2026, 3, 29, 3, tzinfo=UTC), 24),
    ],
)
def test_a_day_has_the_hours_its_zone_gives_it(name: str, noon_utc: datetime, hours: float) -> None:
    starts_at, ends_at = bounds(span_at(Window.DAY, noon_utc, zone(name)))
    assert ends_at - starts_at == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("first", "following"),
    [
        (date(2026, 1, 31), date(2026, 2, 1)),
        (date(2028, 2, 29), date(2028, 3, 1)),
        (date(2026, 2, 28), date(2026, 3, 1)),
        (date(2026, 12, 31), date(2027, 1, 1)),
    ],
)
def test_a_month_ends_with_its_last_day(first: date, following: date) -> None:
    late = datetime(first.year, first.month, first.day, 23, 59, 59, tzinfo=UTC)
    span = span_at(Window.MONTH, late, zone("UTC"))
    assert span.key == f"{first:%Y-%m}"
    assert bounds(span) == (
        datetime(first.year, first.month, 1, tzinfo=UTC),
        datetime(following.year, following.month, 1, tzinfo=UTC),
    )


def test_the_zone_of_the_cap_decides_the_day() -> None:
    instant = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert span_at(Window.DAY, instant, zone("Europe/Berlin")).key == "2026-11-23"
    assert span_at(Window.DAY, instant, zone("America/New_York")).key == "2026-11-22"
    in_tokyo = instant.astimezone(ZoneInfo("Asia/Tokyo"))
    assert span_at(Window.DAY, in_tokyo, zone("UTC")).key == "2026-11-22", "whatever zone the instant is told in"


@pytest.mark.parametrize(("week_start", "first"), [(0, "2026-11-16"), (6, "2026-11-22"), (5, "2026-11-21")])
def test_a_week_starts_on_the_day_that_was_chosen(week_start: int, first: str) -> None:
    sunday = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert span_at(Window.WEEK, sunday, zone("UTC"), week_start=week_start).key == f"week of {first}"


def test_session_and_total_never_end() -> None:
    assert span_at(Window.TOTAL, FIRST, zone("UTC")) == WindowSpan("total", None, None)
    assert span_at(Window.SESSION, FIRST, zone("UTC"), session="s1") == WindowSpan("session:s1", None, None)


@cell("F13", "a zone that does not exist", "a cap is set", "refused, with how to write it")
@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "/etc/passwd", "../zone", "Europe", "a\x00b", "\ud800", "x" * 9999]
)
def test_a_zone_that_does_not_exist_is_told_of_in_a_short_text(name: str) -> None:
    with pytest.raises(InvalidInput, match="IANA") as refused:
        zone(name)
    assert len(refused.value.message) < 150
