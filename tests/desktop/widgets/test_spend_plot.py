from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import NANO_PER_USD
from app.desktop.models.spend_view import label_places
from app.desktop.widgets.spend_plot import peaks, round_marks


@pytest.mark.parametrize("highest", [0, 1, 17 * NANO_PER_USD, 20 * NANO_PER_USD, 128_395_020 * NANO_PER_USD])
def test_axis_marks_are_few_and_reach_over_the_highest(highest: int) -> None:
    marks = round_marks(highest)
    assert 2 <= len(marks) <= 5
    assert marks[0] == 0
    assert highest <= marks[-1]
    assert marks[-2] <= highest


@pytest.mark.parametrize(("minutes", "count"), [(5 / 60, 120), (1, 60), (30, 48), (1, 1), (1, 0)])
@pytest.mark.parametrize("start", [datetime(2026, 11, 20, 13, 30, tzinfo=UTC), datetime(2026, 11, 19, 14, tzinfo=UTC)])
def test_at_most_five_labels_of_time_and_those_that_a_clock_shows(start: datetime, minutes: float, count: int) -> None:
    times = [start + timedelta(minutes=minutes * number) for number in range(count)]
    labelled = [times[place] for place in label_places(times)]
    assert len(labelled) <= 5
    assert len(labelled) >= 3 or count < 2
    assert all(not time.second for time in labelled)
    assert count != 48 or {time.hour for time in labelled} == {0, 6, 12, 18}


@given(st.lists(st.integers(0, 10**15), max_size=400), st.integers(1, 60))
def test_of_more_points_than_pixels_the_peaks_stay(heights: list[int], most: int) -> None:
    places, drawn = peaks(heights, most)
    assert len(places) == len(drawn)
    assert max(drawn, default=0) == max(heights, default=0)
    assert min(drawn, default=0) == min(heights, default=0)
    assert places == sorted(places)
    assert len(drawn) <= max(len(heights), 4 * most)


def test_a_hundred_thousand_points_come_down_to_two_a_pixel() -> None:
    places, _ = peaks(range(100_000), 800)
    assert len(places) == 1_600
