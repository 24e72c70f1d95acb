"""Prices a person set: which calls they are for, what they make of a call, and what they leave alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.core.call import Basis
from app.core.exchange import RequestFacts, ResponseFacts, SideInference
from app.core.usage import Usage
from app.pricing.book import Book, bundled_book, use_book
from app.pricing.bound import worst_case
from app.pricing.overrides import PriceOverride, Rates, override_for
from app.pricing.siblings import find_sibling
from app.pricing.table import Priced, price_call

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
USAGE = Usage(input_tokens=20_000, output_tokens=1_500)
RATES = Rates(input=Decimal(1), output=Decimal(4))


@pytest.fixture(autouse=True)
def _shipped_prices() -> Iterator[None]:
    yield
    use_book(None)


def override(**facts: Any) -> PriceOverride:
    if "rates" not in facts and "factor" not in facts:
        facts["rates"] = RATES
    return PriceOverride("0123456789abcdef0123", FRIDAY, **facts)


def in_force(*overrides: PriceOverride) -> None:
    use_book(Book(bundled_book().table, overrides))


def price(model: str = "gpt-6.1-sol", provider: str = "openai", *, host: str = "", **facts: Any) -> Priced:
    told: dict[str, Any] = {"usage": USAGE, "response_model": model}
    response = ResponseFacts(**(told | facts))
    return price_call(provider=provider, request_model=model, response=response, started_at=FRIDAY, host=host)


def bound(model: str = "gpt-6.1-sol", provider: str = "openai", host: str = "") -> int | None:
    facts = RequestFacts(model, False, 8_000, output_limit=1_000)
    return worst_case(provider=provider, facts=facts, started_at=FRIDAY, host=host)


def test_rates_replace_the_table_and_say_so() -> None:
    in_force(override(model="gpt-6.*"))
    assert price().cost_nano_usd == 26_000_000
    assert price().basis is Basis.TABLE
    assert price().version.endswith("set by you 0123456789abcdef")
    assert price("gpt-5").cost_nano_usd == 40_000_000


def test_a_model_without_a_price_has_one_once_it_is_set() -> None:
    assert (price("gpt-6.2-sol").basis, bound("gpt-6.2-sol")) == (Basis.UNPRICED, None)
    in_force(override(model="gpt-6.2-sol", rates=Rates(Decimal(2), Decimal(10))))
    assert price("gpt-6.2-sol").cost_nano_usd == 55_000_000
    assert bound("gpt-6.2-sol") == 10_048 * 2_000 + 1_000 * 10_000


def test_a_factor_comes_after_the_table() -> None:
    in_force(override(provider="openai", factor=Decimal("0.85")))
    assert price().cost_nano_usd == 46_750_000
    assert price("no-such-model").basis is Basis.UNPRICED
    before = bound("gpt-6.1-sol")
    use_book(None)
    whole = bound("gpt-6.1-sol")
    assert before is not None
    assert whole is not None
    assert before == whole * 85 // 100


def test_a_server_of_ones_own_is_free_whatever_runs_on_it() -> None:
    in_force(override(host="*.corp.test", factor=Decimal(0)))
    assert (price("llama-99", host="llm.corp.test").cost_nano_usd, bound("llama-99", host="llm.corp.test")) == (0, 0)
    unknown = price("llama-99", host="llm.corp.test", usage=Usage())
    assert (unknown.cost_nano_usd, unknown.basis) == (0, Basis.TABLE)
    assert price("llama-99", host="llm.corp.test.evil.test").basis is Basis.UNPRICED


def test_models_on_ones_own_machine_are_free_unless_a_price_is_set() -> None:
    assert price("qwen3", "ollama").cost_nano_usd == 0
    in_force(override(provider="ollama"))
    assert price("qwen3", "ollama").cost_nano_usd == 26_000_000


def test_the_providers_own_figure_stays() -> None:
    in_force(override(provider="openrouter", factor=Decimal("0.5")))
    told = replace(USAGE, reported_cost_nano_usd=77)
    assert price("openai/gpt-6.1-sol", "openrouter", usage=told).cost_nano_usd == 77
    cheap = bound("openai/gpt-6.1-sol", "openrouter")
    use_book(None)
    assert cheap == bound("openai/gpt-6.1-sol", "openrouter")


@pytest.mark.parametrize(("hours", "counts"), [(-2, False), (-1, True), (0, True), (23, True), (24, False)])
def test_an_override_counts_from_its_first_instant_and_before_its_last(hours: int, counts: bool) -> None:
    start = FRIDAY - timedelta(hours=1)
    found = override(starts_at=start, ends_at=FRIDAY + timedelta(hours=24))
    at = FRIDAY + timedelta(hours=hours)
    assert (override_for([found], provider="x", models=["y"], host="", at=at) is found) is counts


def test_the_most_precise_counts_and_then_the_newest() -> None:
    wide, one, newer = (
        override(provider="openai"),
        override(model="gpt-6.1-*"),
        replace(override(model="gpt-6.1-*"), created_at=FRIDAY + timedelta(1)),
    )
    exact = override(model="gpt-6.1-sol")

    def counts(*found: PriceOverride) -> PriceOverride | None:
        return override_for(found, provider="openai", models=["gpt-6.1-sol"], host="h", at=FRIDAY)

    assert counts(wide, one) is one
    assert counts(newer, one) is newer
    assert counts(exact, newer, wide) is exact
    assert counts(exact, own := override(host="h")) is own
    assert counts(override(model="gpt-5")) is None


def test_classes_without_a_rate_cost_what_holds_them() -> None:
    usage = Usage(
        input_tokens=1_000, output_tokens=0, cache_read_tokens=200, cache_write_tokens=300, cache_write_1h_tokens=100
    )
    assert RATES.tokens_usd(usage) == Decimal(1_000) / 10**6
    full = Rates(Decimal(1), Decimal(4), Decimal("0.1"), Decimal("1.25"), Decimal(2))
    assert full.tokens_usd(usage) == (500 + 20 + 250 + 200) / Decimal(10**6)


def test_searches_cost_their_rate_and_else_the_known_fee_as_an_estimate() -> None:
    searched = replace(USAGE, web_searches=2)
    in_force(override(rates=replace(RATES, web_search=Decimal(5))))
    assert (price(usage=searched).cost_nano_usd, price(usage=searched).basis) == (36_000_000, Basis.TABLE)
    in_force(override())
    assert (price(usage=searched).cost_nano_usd, price(usage=searched).basis) == (46_000_000, Basis.ESTIMATED)


def test_inferences_on_the_side_have_their_own_override() -> None:
    in_force(override(model="claude-opus-5-5", factor=Decimal(0)))
    side = SideInference("claude-opus-4-8", Usage(input_tokens=1_000, output_tokens=10))
    alone = price("claude-opus-4-8", "anthropic", usage=side.usage).cost_nano_usd
    both = price("claude-opus-5-5", "anthropic", side_inferences=(side,))
    assert both.cost_nano_usd == alone


def test_an_override_is_either_rates_or_a_factor() -> None:
    both: tuple[dict[str, Any], ...] = ({"rates": RATES, "factor": Decimal(1)}, {"rates": None, "factor": None})
    for facts in both:
        with pytest.raises(ValueError, match="either"):
            override(**facts)


@pytest.mark.parametrize(
    ("provider", "model", "sibling"),
    [
        ("openai", "gpt-6.2-sol", "gpt-6.1-sol"),
        ("openai", "gpt-6.2-sol-2026-12-01", "gpt-6.1-sol"),
        ("anthropic", "claude-fable-5-3", "claude-fable-5-2"),
        ("anthropic", "claude-opus-6", "claude-opus-5-5"),
        ("google", "models/gemini-2.6-pro", "gemini-2.5-pro"),
    ],
)
def test_the_nearest_model_is_the_next_older_of_its_name(provider: str, model: str, sibling: str) -> None:
    found = find_sibling(provider, model)
    assert found is not None
    assert found.name == sibling


@pytest.mark.parametrize("model", ["entirely-new", "gpt-sol", ""])
def test_a_model_like_no_other_has_no_sibling(model: str) -> None:
    assert find_sibling("openai", model) is None
