"""What parts of a call's input cost, by the rates of the call."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.pricing.input_rates import InputRates, cost_of_first, cost_of_warming, input_rates, lost_to_misses
from app.pricing.table import price_call

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
OPUS = InputRates(Fraction(5_000), Fraction(500), Fraction(6_250), Fraction(10_000))


def rates(provider: str, model: str, tokens: int, **told: str) -> InputRates | None:
    answer = ResponseFacts(usage=Usage(input_tokens=tokens), response_model=model, **told)  # type: ignore[arg-type]
    return input_rates(provider=provider, request_model=model, response=answer, started_at=NOW)


def test_rates_are_those_of_the_list() -> None:
    assert rates("anthropic", "claude-opus-4-8", 1_000) == OPUS
    assert rates("anthropic", "nobody-priced-this", 1_000) is None
    assert rates("anthropic", "claude-opus-4-8", 0) is None


def test_a_long_input_and_a_tier_have_rates_of_their_own() -> None:
    short, long = rates("google", "gemini-2.5-pro", 200_000), rates("google", "gemini-2.5-pro", 200_001)
    assert short is not None
    assert long is not None
    assert (long.fresh, long.read) == (2 * short.fresh, 2 * short.read)
    standard, batch = rates("openai", "gpt-5", 1_000), rates("openai", "gpt-5", 1_000, service_tier="batch")
    assert standard is not None
    assert batch is not None
    assert batch.fresh < standard.fresh


def test_what_is_missed_was_written_for_an_hour_then_written_then_paid_in_full() -> None:
    usage = Usage(100, 1, cache_write_tokens=60, cache_write_1h_tokens=40)
    assert lost_to_misses(usage, OPUS, 30) == 30 * 9_500
    assert lost_to_misses(usage, OPUS, 50) == 40 * 9_500 + 10 * 5_750
    assert lost_to_misses(usage, OPUS, 90) == 40 * 9_500 + 20 * 5_750 + 30 * 4_500


def test_tools_stand_first_and_so_are_read_first() -> None:
    usage = Usage(100, 1, cache_read_tokens=50, cache_write_tokens=30)
    assert cost_of_first(usage, OPUS, 40) == 40 * 500
    assert cost_of_first(usage, OPUS, 90) == 50 * 500 + 30 * 6_250 + 10 * 5_000


@pytest.mark.parametrize(
    ("usage", "rate"),
    [
        (Usage(100, 1), 5_000),
        (Usage(100, 1, cache_read_tokens=90), 6_250),
        (Usage(100, 1, cache_write_tokens=90), 6_250),
        (Usage(100, 1, cache_write_tokens=90, cache_write_1h_tokens=10), 10_000),
    ],
)
def test_warming_costs_all_of_the_input_as_it_is_written(usage: Usage, rate: int) -> None:
    assert cost_of_warming(usage, OPUS) == 100 * rate


@given(
    parts=st.tuples(*[st.integers(0, 10**6)] * 4),
    share=st.fractions(0, 1),
    model=st.sampled_from(
        [
            ("anthropic", "claude-opus-4-8"),
            ("openai", "gpt-5-mini"),
            ("google", "gemini-2.5-pro"),
            ("openai", "gpt-5.6-sol"),
        ]
    ),
)
def test_no_part_of_the_input_costs_more_than_the_call(
    parts: tuple[int, int, int, int], share: Fraction, model: tuple[str, str]
) -> None:
    fresh, read, short, long = parts
    usage = Usage(sum(parts), 0, cache_read_tokens=read, cache_write_tokens=short + long, cache_write_1h_tokens=long)
    answer = ResponseFacts(usage=usage, response_model=model[1])
    found = input_rates(provider=model[0], request_model=model[1], response=answer, started_at=NOW)
    priced = price_call(provider=model[0], request_model=model[1], response=answer, started_at=NOW)
    if found is None:
        assert not usage.input_tokens
        return
    assert priced.cost_nano_usd is not None
    missed = int((fresh + short + long) * share)
    assert 0 <= lost_to_misses(usage, found, missed) <= priced.cost_nano_usd + 1
    assert 0 <= cost_of_first(usage, found, int(sum(parts) * share)) <= priced.cost_nano_usd + 1
