"""Samples worked out by hand from the providers' own pages: each is met exactly, or said to be an estimate."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.core.call import Basis
from app.core.exchange import ResponseFacts
from app.core.money import nano_from_decimal
from app.core.usage import Usage
from app.pricing.siblings import find_sibling
from app.pricing.table import Priced, price_call

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 20, 2, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 21, 2, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 2, 12, tzinfo=UTC)

OPUS = Usage(input_tokens=49_200, output_tokens=800, cache_read_tokens=45_000, cache_write_tokens=3_000)
HOUR = Usage(
    input_tokens=76_200, output_tokens=800, cache_read_tokens=45_000, cache_write_tokens=30_000,
    cache_write_1h_tokens=30_000,
)  # fmt: skip
DEEP = Usage(input_tokens=15_800, output_tokens=1_000)
SOL = Usage(input_tokens=20_000, output_tokens=1_500)
ARGON = Usage(input_tokens=14_400, output_tokens=1_000, cache_read_tokens=6_000)


@dataclass(frozen=True)
class Sample:
    """`usd` by hand; None where no page tells. `basis` is what the amount must call itself."""

    name: str
    provider: str
    model: str
    usage: Usage
    usd: str | None
    basis: Basis = Basis.TABLE
    at: datetime = FRIDAY
    host: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


ESTIMATED, UNPRICED = Basis.ESTIMATED, Basis.UNPRICED

SAMPLES = [
    # Opus 5.5: $4 in, $20 out, reads $0.20, writes $5 for 5 minutes and $8 for an hour.
    Sample("1 caches", "anthropic", "claude-opus-5-5", OPUS, "0.0448"),
    Sample("2 an hour's write", "anthropic", "claude-opus-5-5", HOUR, "0.2698"),
    Sample("3 fast", "anthropic", "claude-opus-5-5", OPUS, "0.0896", facts={"speed": "fast"}),
    Sample("4 in the US", "anthropic", "claude-opus-5-5", OPUS, "0.04928", facts={"region": "us"}),
    Sample(
        "5 searches", "anthropic", "claude-opus-5-5",
        Usage(input_tokens=1_200, output_tokens=800, web_searches=3), "0.0508",
    ),
    Sample("6 batch", "anthropic", "claude-opus-5-5", OPUS, "0.0224", facts={"service_tier": "batch"}),
    # Haiku 5.5: five times as much above 100,000 tokens: $0.50 and $2.50.
    Sample("7 a long prompt", "anthropic", "claude-haiku-5-5", Usage(input_tokens=111_000, output_tokens=0), "0.0555"),
    Sample(
        "8 Fable", "anthropic", "claude-fable-5-2", Usage(input_tokens=10_000, output_tokens=15), "0.0806",
    ),
    # GPT-6.1 Sol: $2 in, $10 out, reads $0.10, writes $2.50; above 272,000 tokens twice in, one and a half times out.
    Sample(
        "9 cached", "openai", "gpt-6.1-sol",
        Usage(input_tokens=20_000, output_tokens=1_500, cache_read_tokens=15_000, reasoning_tokens=900), "0.0265",
    ),
    Sample(
        "10 a cache write", "openai", "gpt-6.1-sol",
        Usage(input_tokens=20_000, output_tokens=1_500, cache_read_tokens=15_000, cache_write_tokens=4_000), "0.0285",
    ),
    Sample("11 a long prompt", "openai", "gpt-6.1-sol", Usage(input_tokens=300_000, output_tokens=1_000), "1.215"),
    Sample("12 priority", "openai", "gpt-6.1-sol", SOL, "0.1100", facts={"service_tier": "priority"}),
    Sample("13 flex", "openai", "gpt-6.1-sol", SOL, "0.0275", facts={"service_tier": "flex"}),
    Sample("14 ultrafast", "openai", "gpt-6.1-sol", SOL, "0.3300", ESTIMATED, facts={"service_tier": "ultrafast"}),
    Sample("15 no price", "openai", "gpt-6.2-sol", SOL, None, UNPRICED),
    Sample(
        "16 searches of GPT-5", "openai", "gpt-5",
        Usage(input_tokens=16_000, output_tokens=2_000, web_searches=2), "0.0600",
    ),
    Sample(
        "17 sound", "openai", "gpt-audio",
        Usage(input_tokens=1_000, output_tokens=500, input_audio_tokens=600, output_audio_tokens=400), "0.0468",
    ),
    # Argon: $2 in, $10 out, reads a twentieth of it; twice as much from December on.
    Sample("18 thinking", "google", "gemini-4-argon", ARGON, "0.0274"),
    Sample("18b in December", "google", "gemini-4-argon", ARGON, "0.0548", at=DECEMBER),
    Sample("19 priority", "google", "gemini-4-argon", ARGON, "0.04932", ESTIMATED, facts={"service_tier": "priority"}),
    Sample("20 a long prompt", "google", "gemini-2.5-pro", Usage(input_tokens=250_000, output_tokens=2_000), "0.655"),
    Sample("21 what tools put in", "google", "gemini-4-argon", Usage(14_000, 2_500), "0.053"),
    # deepseek-flash: $0.15 in, $0.60 out off-peak, twice that from 01:00 to 04:00 and 06:00 to 10:00 UTC on workdays.
    Sample("22 off-peak", "deepseek", "deepseek-flash", DEEP, "0.00297"),
    Sample(
        "23 on a Saturday", "deepseek", "deepseek-flash", DEEP, "0.00297",
        at=SATURDAY,
    ),
    Sample(
        "23b peak", "deepseek", "deepseek-flash", DEEP, "0.00594", at=PEAK
    ),
    # Grok 4.7: $4 in, $12 out from 200,000 tokens of input on.
    Sample("24 a long prompt", "x-ai", "grok-4.7", Usage(input_tokens=220_000, output_tokens=2_000), "0.904"),
    Sample("25 Groq", "groq", "openai/gpt-oss-120b", Usage(input_tokens=5_000, output_tokens=1_500), "0.00165"),
    Sample(
        "26 an alias", "mistral", "mistral-large-latest", Usage(10_000, 1_000), None, ESTIMATED,
    ),
    # A regional profile of Bedrock costs 10 % more than a global one.
    Sample("27 Bedrock, regional", "aws", "us.anthropic.claude-opus-5-5", HOUR, "0.29678"),
    Sample("28 Bedrock, global", "aws", "global.anthropic.claude-opus-5-5", HOUR, "0.2698"),
    Sample(
        "29 Vertex, regional", "google", "claude-opus-5-5", OPUS, "0.04928", host="us-east5-aiplatform.googleapis.com"
    ),
    Sample("29b Vertex, global", "google", "claude-opus-5-5", OPUS, "0.0448", host="aiplatform.googleapis.com"),
    Sample("30 Azure priority", "azure", "gpt-6.1-sol", SOL, None, ESTIMATED, facts={"service_tier": "priority"}),
    Sample("32 OpenRouter", "openrouter", "anthropic/claude-opus-5.5", OPUS, "0.0448"),
    Sample(
        "33 two kinds of write", "anthropic", "claude-opus-5-5",
        Usage(
            input_tokens=150_000, output_tokens=2_000, cache_write_tokens=140_000, cache_write_1h_tokens=90_000,
        ),
        "1.05",
    ),
    Sample("34 in Europe", "openai", "gpt-6.1-sol", SOL, "0.0605", host="eu.api.openai.com"),
    Sample("35 in Europe, before the premium", "openai", "gpt-5", SOL, "0.04", host="eu.api.openai.com"),
    Sample("36 a look-alike of the US host", "openai", "gpt-6.1-sol", SOL, "0.055", host="us.api.openai.com.evil.test"),
    Sample("37 Vertex, fast", "google", "claude-fable-5-2", SOL, "0.44", facts={"speed": "fast"}),
    Sample("38 Claude's old hour", "google", "claude-3-opus", HOUR, "1.0455", ESTIMATED),
]  # fmt: skip


def priced(sample: Sample) -> Priced:
    response = ResponseFacts(usage=sample.usage, response_model=sample.model, **sample.facts)
    return price_call(
        provider=sample.provider, request_model=sample.model, response=response, started_at=sample.at, host=sample.host
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_costs_what_its_provider_says_or_is_called_an_estimate(sample: Sample) -> None:
    found = priced(sample)
    assert found.basis is sample.basis
    if sample.usd is not None:
        assert found.cost_nano_usd is not None
        assert Decimal(found.cost_nano_usd) / 10**9 == Decimal(sample.usd)


def test_a_figure_of_the_provider_comes_before_any_table() -> None:
    """31: OpenRouter's `usage.cost`, xAI's ticks."""
    told = Sample("31", "openrouter", "anthropic/claude-opus-5.5", Usage(10, 10, reported_cost_nano_usd=123), None)
    assert (priced(told).cost_nano_usd, priced(told).basis) == (123, Basis.REPORTED)


def test_a_model_without_a_price_is_shown_beside_its_older_sister() -> None:
    """15: OpenAI's page says $2 and $10, as for 6.1 Sol."""
    found = find_sibling("openai", "gpt-6.2-sol")
    assert found is not None
    assert found.name == "gpt-6.1-sol"
    assert nano_from_decimal(found.price(SOL, FRIDAY, {})) == 55_000_000
