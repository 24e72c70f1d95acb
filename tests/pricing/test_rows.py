from datetime import UTC, datetime

import pytest
from genai_prices.types import ModelPrice

from app.core.usage import Usage
from app.pricing import rows
from app.pricing.book import current_book
from app.pricing.rows import Row

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
USAGES = (
    Usage(1, 1),
    Usage(1_234_567, 89),
    Usage(300_000, 7_777, cache_read_tokens=290_001, cache_write_tokens=9_003),
    Usage(250_001, 512, cache_read_tokens=100_000, cache_write_tokens=50_000, cache_write_1h_tokens=20_011),
    Usage(10, None, cache_read_tokens=400, cache_write_tokens=30, cache_write_1h_tokens=90),
    Usage(None, 3),
    Usage(0, 0),
    Usage(1_000, 200, input_audio_tokens=100),
    Usage(1_000, 200, web_searches=3),
)


def all_rows() -> list[Row]:
    return [Row(provider, model) for provider in current_book().table.snapshot.providers for model in provider.models]


@pytest.mark.parametrize("usage", USAGES)
def test_a_price_by_flat_rates_is_the_tables_own_to_the_last_digit(usage: Usage) -> None:
    priced = 0
    for row in all_rows():
        try:
            by_table = row._calculate(rows._counts(usage), AT, {})
        except ValueError:
            continue
        assert row.price(usage, AT, {}) == by_table, row.name
        priced += 1
    assert priced > 500


def test_the_table_is_asked_once_for_a_row_with_flat_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    row = current_book().find_row("anthropic", "claude-haiku-4-5")
    assert row is not None
    first = row.price(Usage(1_000, 10), AT, {})
    monkeypatch.setattr(ModelPrice, "calc_price", None)
    assert row.price(Usage(1_000, 10), AT, {}) == first
