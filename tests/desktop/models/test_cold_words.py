from datetime import UTC, datetime, timedelta

import pytest

from app.core.sent_input import ColdSoon
from app.desktop.models.cold_words import cold_words

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left_s", "warm", "words"),
    [
        (60.0, 1_900_000_000, "Cache goes cold in 60 s; warming it costs about $1.90"),
        (0.4, 10_000_000, "Cache goes cold in 1 s; warming it costs about $0.01"),
        (60.1, 1_900_000_000, ""),
        (0.0, 1_900_000_000, ""),
        (30.0, 9_999_999, ""),
    ],
)
def test_only_the_last_minute_of_a_cache_that_is_worth_a_cent_is_told(left_s: float, warm: int, words: str) -> None:
    cold = ColdSoon("s", "", "claude", "shop", NOW + timedelta(seconds=left_s), warm)
    assert cold_words(cold, NOW) == words
