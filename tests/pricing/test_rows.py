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
def test_a_price_by_rates_is_the_tables_own_to_the_last_digit(usage: Usage) -> None:
    priced = 0
    for row in all_rows():
        try:
            by_table = row._calculate(rows._counts(usage), AT, {})
        except ValueError:
            continue
        assert row.price(usage, AT, {}) == by_table, row.name
        priced += 1
    assert priced > 500


def test_a_price_by_the_rates_of_a_tier_is_the_tables_own_on_both_sides_of_its_start() -> None:
    tiered = [(row, start) for row in all_rows() for start in row.tiers(AT)]
    assert len(tiered) > 20
    for row, start in tiered:
        for given in (start - 1, start, start + 1, start * 3):
            for usage in (
                Usage(given, 777),
                Usage(given // 2, 777, cache_read_tokens=given // 3, cache_write_tokens=given - given // 3),
                Usage(given, 777, cache_write_tokens=given, cache_write_1h_tokens=given // 2),
            ):
                assert row.price(usage, AT, {}) == row._calculate(rows._counts(usage), AT, {}), (row.name, usage)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5"])
def test_the_table_is_asked_once_for_a_row(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = current_book().find_row("anthropic", model)
    assert row is not None
    first = row.price(Usage(1_000, 10), AT, {})
    monkeypatch.setattr(ModelPrice, "calc_price", None)
    assert row.price(Usage(1_000, 10), AT, {}) == first
