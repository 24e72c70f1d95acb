from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.price_store import add_override, list_overrides, remove_override, restore_override
from app.pricing.book import bundled_book
from app.pricing.overrides import Rates
from app.services.price_list import PriceLine, read_prices
from tests.cli.samples import book_call

NOW = datetime.now(UTC) + timedelta(seconds=5)
RATES = Rates(Decimal("0.2"), Decimal("1.6"), Decimal("0.02"))


def line(ledger: Ledger, provider: str, model: str) -> PriceLine:
    (found,) = (one for one in read_prices(ledger, NOW).lines if (one.provider, one.model) == (provider, model))
    return found


def test_the_table_is_listed_whole_and_sorted(ledger: Ledger) -> None:
    prices = read_prices(ledger, NOW)
    table = bundled_book().table
    row = table.find_row("anthropic", "claude-haiku-4-5")
    assert row is not None
    found = line(ledger, "anthropic", row.name)
    rates = row.rates(NOW)
    assert (found.amounts.given, found.amounts.made) == (rates["input_tokens"], rates["output_tokens"])
    assert (found.source, found.day, found.is_own) == ("Table", table.as_of, False)
    assert len([one for one in prices.lines if one.provider == "openai"]) == len(table.rows("openai"))
    names = [(one.provider_words.lower(), one.model) for one in prices.lines]
    assert names == sorted(names)
    assert (prices.unpriced, prices.is_fetched) == (0, False)


def test_models_without_a_price_stand_first_until_one_is_set(ledger: Ledger) -> None:
    for _ in range(2):
        book_call(ledger, Tags(), None, model="nobody-priced-this")
    prices = read_prices(ledger, NOW)
    first = prices.lines[0]
    assert (first.provider, first.model, first.calls) == ("anthropic", "nobody-priced-this", 2)
    assert first.tokens > 0
    assert prices.unpriced == 1
    add_override(ledger, provider="anthropic", model="nobody-*", host="*", rates=RATES)
    priced = read_prices(ledger, NOW)
    assert priced.unpriced == 0
    assert (priced.lines[0].model, priced.lines[0].source, priced.lines[0].is_own) == ("nobody-*", "Yours", True)


def test_an_own_price_takes_the_place_of_the_tables_row(ledger: Ledger) -> None:
    add_override(ledger, provider="openai", model="gpt-5-mini", host="*", rates=RATES)
    found = line(ledger, "openai", "gpt-5-mini")
    assert (found.amounts.given, found.amounts.cached, found.amounts.written) == (Decimal("0.2"), Decimal("0.02"), None)
    assert found.override is not None


def test_a_factor_for_all_of_a_provider_counts_in_each_of_its_rows(ledger: Ledger) -> None:
    before = line(ledger, "openai", "gpt-5-mini").amounts.made
    assert before is not None
    add_override(ledger, provider="openai", model="*", host="*", factor=Decimal("0.5"))
    after = line(ledger, "openai", "gpt-5-mini")
    assert after.amounts.made == before / 2
    assert (after.source, after.is_own, after.override) == ("Yours, 0.5 times the table", True, None)


def test_what_is_free_costs_nothing(ledger: Ledger) -> None:
    add_override(ledger, provider="*", model="local-*", host="gpu.corp.test", factor=Decimal(0))
    found = line(ledger, "*", "local-*")
    assert (found.amounts.given, found.source) == (Decimal(0), "Yours, free on gpu.corp.test")
    assert found.provider_words == "Every provider"


def test_a_removed_price_is_put_back_and_takes_its_place_again(ledger: Ledger) -> None:
    first = add_override(ledger, provider="openai", model="gpt-9", host="*", rates=RATES)
    remove_override(ledger, first.override_id)
    assert list_overrides(ledger) == ()
    second = add_override(ledger, provider="openai", model="GPT-9", host="*", factor=Decimal(2))
    assert list_overrides(ledger) == (second,)
    restore_override(ledger, first.override_id)
    assert list_overrides(ledger) == (first,)
