"""What calls cost: samples worked out by hand from the providers' pages, and the traps of the price table."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.core.call import Basis
from app.core.exchange import RequestFacts, ResponseFacts, SideInference
from app.core.usage import Usage
from app.pricing.table import Priced, price_call, price_estimate

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, 12, tzinfo=UTC)
OPUS = Usage(input_tokens=49_200, output_tokens=800, cache_read_tokens=45_000, cache_write_tokens=3000)
SOL = Usage(input_tokens=20_000, output_tokens=1500, cache_read_tokens=15_000, reasoning_tokens=900)
PLAIN_SOL = Usage(input_tokens=20_000, output_tokens=1500)


def price(provider: str, model: str, usage: Usage, *, at: datetime = FRIDAY, host: str = "", **facts: Any) -> Priced:
    response = ResponseFacts(usage=usage, response_model=model, **facts)
    return price_call(provider=provider, request_model=model, response=response, started_at=at, host=host)


def usd(priced: Priced) -> Decimal:
    assert priced.cost_nano_usd is not None
    return Decimal(priced.cost_nano_usd) / 10**9


@pytest.mark.parametrize(
    ("model", "usage", "facts", "expected"),
    [
        # $4 in, $20 out, reads a twentieth, 5 minute writes 1.25, 1 hour writes 2, searches $10 per 1,000.
        ("claude-opus-5-5", OPUS, {}, "0.0448"),
        (
            "claude-opus-5-5",
            replace(OPUS, input_tokens=76_200, cache_write_tokens=30_000, cache_write_1h_tokens=30_000),
            {},
            "0.2698",
        ),
        ("claude-opus-5-5", OPUS, {"speed": "fast"}, "0.0896"),
        ("claude-opus-5-5", replace(OPUS, web_searches=3), {}, "0.0748"),
        ("claude-opus-5-5", OPUS, {"service_tier": "batch"}, "0.0224"),
        ("claude-opus-5-5", OPUS, {"service_tier": "standard"}, "0.0448"),
        # $8 and $40.
        ("claude-fable-5-2", Usage(input_tokens=10_000, output_tokens=15), {}, "0.0806"),
    ],
)
def test_anthropic_samples(model: str, usage: Usage, facts: dict[str, Any], expected: str) -> None:
    priced = price("anthropic", model, usage, **facts)
    assert (usd(priced), priced.basis) == (Decimal(expected), Basis.TABLE)


@pytest.mark.parametrize(
    ("usage", "tier", "expected"),
    [
        # $2 in, $10 out, reads $0.10, writes 1.25 of input; twice in and one and a half out above 272,000.
        (SOL, "default", "0.0265"),
        (replace(SOL, cache_write_tokens=4000), "default", "0.0285"),
        (Usage(input_tokens=300_000, output_tokens=1000), "", "1.215"),
        (PLAIN_SOL, "", "0.055"),
        (PLAIN_SOL, "priority", "0.110"),
        (PLAIN_SOL, "fast", "0.110"),
        (PLAIN_SOL, "flex", "0.0275"),
    ],
)
def test_openai_samples(usage: Usage, tier: str, expected: str) -> None:
    priced = price("openai", "gpt-6.1-sol", usage, service_tier=tier)
    assert (usd(priced), priced.basis) == (Decimal(expected), Basis.TABLE)


@pytest.mark.parametrize(
    ("model", "usage", "at", "expected"),
    [
        # Argon: $2 in, $10 out, reads a twentieth, all twice from 1 December 2026. 2.5 Pro: $2.50, $15 above 200,000.
        ("gemini-4-argon", Usage(input_tokens=10_000, output_tokens=2000, cache_read_tokens=4000), FRIDAY, "0.0324"),
        ("gemini-4-argon", Usage(input_tokens=10_000, output_tokens=2000, cache_read_tokens=4000), DECEMBER, "0.0648"),
        ("gemini-2.5-pro", Usage(input_tokens=250_000, output_tokens=2000), FRIDAY, "0.655"),
        ("models/gemini-4-argon", Usage(input_tokens=14_000, output_tokens=2500), FRIDAY, "0.053"),
    ],
)
def test_google_samples(model: str, usage: Usage, at: datetime, expected: str) -> None:
    priced = price("google", model, usage, at=at)
    assert (usd(priced), priced.basis) == (Decimal(expected), Basis.TABLE)


def test_a_long_prompt_sets_the_rate_of_the_whole_call() -> None:
    """Haiku 5.5: five times above 100,000 tokens."""
    short, long = (
        usd(price("anthropic", "claude-haiku-5-5", Usage(input_tokens=n, output_tokens=0))) for n in (10**5, 2 * 10**5)
    )
    assert long == short * 2 * 5


def test_the_providers_own_figure_comes_first() -> None:
    priced = price("openai", "gpt-6.1-sol", replace(SOL, reported_cost_nano_usd=7))
    assert (priced.cost_nano_usd, priced.basis) == (7, Basis.REPORTED)


def test_the_model_that_answered_sets_the_price_and_else_the_one_asked_for() -> None:
    def cost(answered: str, asked: str) -> int | None:
        response = ResponseFacts(usage=PLAIN_SOL, response_model=answered)
        return price_call(provider="openai", request_model=asked, response=response, started_at=FRIDAY).cost_nano_usd

    assert cost("gpt-6.1-sol", "gpt-5-nano") == 55_000_000
    assert cost("", "gpt-6.1-sol") == cost("my-own-name", "gpt-6.1-sol") == 55_000_000


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such-model"), ("no-such-provider", "gpt-5"), ("openai", "")]
)
def test_a_model_without_a_price_is_unpriced_and_not_free(provider: str, model: str) -> None:
    priced = price(provider, model, PLAIN_SOL)
    assert (priced.cost_nano_usd, priced.basis) == (None, Basis.UNPRICED)


def test_usage_that_is_not_known_is_unpriced() -> None:
    assert price("openai", "gpt-6.1-sol", Usage()).basis is Basis.UNPRICED


def test_half_a_usage_is_an_estimate() -> None:
    assert price("openai", "gpt-6.1-sol", Usage(output_tokens=5)).basis is Basis.ESTIMATED


@pytest.mark.parametrize(
    ("provider", "model", "facts", "factor"),
    [
        ("openai", "gpt-6.1-sol", {"service_tier": "ultrafast"}, "6"),
        ("google", "gemini-4-argon", {"service_tier": "priority"}, "1.8"),
        ("google", "gemini-4-argon", {"service_tier": "flex"}, "1"),
        ("anthropic", "claude-opus-5-5", {"service_tier": "priority"}, "1"),
        ("azure", "gpt-6.1-sol", {"service_tier": "flex"}, "1"),
        ("anthropic", "claude-haiku-5-5", {"speed": "fast"}, "6"),
    ],
)
def test_a_tier_the_table_does_not_know_is_never_priced_as_standard_in_silence(
    provider: str, model: str, facts: dict[str, Any], factor: str
) -> None:
    usage = Usage(input_tokens=10_000, output_tokens=100)
    standard, priced = price(provider, model, usage), price(provider, model, usage, **facts)
    assert priced.basis is Basis.ESTIMATED
    assert usd(priced) == usd(standard) * Decimal(factor)


@pytest.mark.parametrize(
    "provider_model", [("openai", "gpt-6.1-sol"), ("anthropic", "claude-opus-5-5"), ("google", "gemini-4-argon")]
)
@pytest.mark.parametrize("facts", [{"service_tier": "hyperspeed"}, {"speed": "ludicrous"}])
def test_a_tier_nobody_knows_is_unpriced(provider_model: tuple[str, str], facts: dict[str, Any]) -> None:
    assert price(*provider_model, PLAIN_SOL, **facts).basis is Basis.UNPRICED


def test_a_fee_the_table_lacks_is_added_as_an_estimate() -> None:
    usage = Usage(input_tokens=1000, output_tokens=10, web_searches=2)
    without = price("openai", "gpt-5.3-codex", replace(usage, web_searches=None))
    priced = price("openai", "gpt-5.3-codex", usage)
    assert priced.basis is Basis.ESTIMATED
    assert usd(priced) - usd(without) == Decimal("0.02")


def test_a_region_costs_a_tenth_more() -> None:
    assert usd(price("anthropic", "claude-opus-5-5", OPUS, region="us")) == Decimal("0.04928")
    assert usd(price("openai", "gpt-6.1-sol", PLAIN_SOL, host="eu.api.openai.com")) == Decimal("0.0605")


def test_inferences_on_the_side_are_priced_at_their_own_model() -> None:
    side = SideInference("claude-opus-4-8", Usage(input_tokens=2518, output_tokens=22))
    response = ResponseFacts(usage=OPUS, response_model="claude-opus-5-5", side_inferences=(side,))
    alone = price("anthropic", "claude-opus-4-8", side.usage)

    def cost(facts: ResponseFacts) -> Priced:
        return price_call(provider="anthropic", request_model="", response=facts, started_at=FRIDAY)

    assert usd(cost(response)) == Decimal("0.0448") + usd(alone)
    unknown = replace(response, side_inferences=(replace(side, model="claude-unheard-of-99"),))
    assert cost(unknown).basis is Basis.UNPRICED


def test_parts_larger_than_their_whole_raise_the_whole() -> None:
    odd = Usage(input_tokens=10, output_tokens=5, cache_read_tokens=500, cache_write_tokens=500, output_audio_tokens=90)
    priced = price("openai", "gpt-6.1-sol", odd)
    assert usd(priced) >= Decimal(500 * 2.5) / 10**6


def test_pictures_are_never_priced_as_text() -> None:
    priced = price("google", "gemini-2.5-flash-image", Usage(input_tokens=20, output_tokens=1290))
    assert usd(priced) >= Decimal("0.0387")
    assert priced.basis is Basis.ESTIMATED


def test_an_amount_beyond_all_sense_is_unpriced() -> None:
    many = Usage(input_tokens=10**9, output_tokens=10**9)
    assert price("openai", "gpt-6.1-sol", many).cost_nano_usd is not None
    assert price("openai", "gpt-6.1-sol", replace(many, output_tokens=10**18)).basis is Basis.UNPRICED


def test_a_cut_stream_is_estimated_from_what_was_seen() -> None:
    facts = RequestFacts(model="gpt-6.1-sol", is_stream=True, body_bytes=4001)

    def estimate(response: ResponseFacts) -> Priced:
        return price_estimate(provider="openai", facts=facts, response=response, started_at=FRIDAY)

    blind = estimate(ResponseFacts(output_bytes=401))
    assert (usd(blind), blind.basis) == (Decimal(1001 * 2 + 101 * 10) / 10**6, Basis.ESTIMATED)
    told = estimate(ResponseFacts(usage=Usage(input_tokens=50, output_tokens=200), output_bytes=401))
    assert usd(told) == Decimal(50 * 2 + 200 * 10) / 10**6


def test_an_estimate_of_a_model_without_a_price_is_unpriced() -> None:
    facts = RequestFacts(model="no-such-model", is_stream=True, body_bytes=4000)
    priced = price_estimate(provider="openai", facts=facts, response=ResponseFacts(output_bytes=9), started_at=FRIDAY)
    assert priced.cost_nano_usd is None


def test_the_price_data_is_named() -> None:
    assert price("openai", "gpt-6.1-sol", PLAIN_SOL).version.startswith("genai-prices 0.")
