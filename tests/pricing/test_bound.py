"""The most a call can cost: never less than what it did cost, and as little above as is certain."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.exchange import Block, RequestFacts, ResponseFacts
from app.core.usage import Usage
from app.pricing.bound import output_quote, worst_case
from app.pricing.input_bound import KnownInput
from app.pricing.rows import Row
from app.pricing.table import price_call
from tests.bench_bounds import bounded, replayed
from tests.pricing.test_rows import all_rows
from tests.recordings import needs_recordings

PRICED_BY_US = ("anthropic", "openai", "azure", "google", "aws", "x-ai", "deepseek", "mistral", "openrouter")
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXT = RequestFacts(model="gpt-6.1-sol", is_stream=False, body_bytes=7952, output_limit=1000)


def bound(facts: RequestFacts, provider: str = "openai") -> int:
    found = worst_case(provider=provider, facts=facts, started_at=FRIDAY)
    assert found is not None
    return found


def test_text_is_bounded_by_its_bytes_at_the_dearest_rate() -> None:
    # 7,952 bytes and 2,048 hidden tokens as cache writes at $2.50, 1,000 of output at $10.
    assert bound(TEXT) == 25_000_000 + 10_000_000


def test_anthropics_cache_writes_count_only_where_asked_for() -> None:
    facts = replace(TEXT, model="claude-opus-5-5", output_limit=0)
    plain, minutes, hour = (bound(replace(facts, cache_write=ttl), "anthropic") for ttl in ("", "5m", "1h"))
    assert (plain, minutes, hour) == (40_000_000, 50_000_000, 80_000_000)


def test_input_that_bytes_do_not_bound_is_the_context_window() -> None:
    open_ended = replace(TEXT, is_input_bounded=False, output_limit=0)
    assert bound(open_ended) == 1_050_000 * 2 * 2500
    long = replace(open_ended, is_self_contained=True, blocks=(Block(b"", 10**8),))
    assert bound(long) == bound(open_ended)


def test_the_bound_by_a_rows_rates_is_the_one_that_the_table_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    every_name = [(one.provider.id, one.name) for one in all_rows() if one.provider.id in PRICED_BY_US]
    asked = [
        replace(TEXT, model=name, cache_write=ttl, body_bytes=size, output_limit=limit, is_input_bounded=is_bounded)
        for _, name in every_name
        for ttl, size, limit, is_bounded in (("", 70, 0, True), ("5m", 260_000, 900, True), ("1h", 10**6, None, False))
    ]
    providers = [provider for provider, _ in every_name for _ in range(3)]

    def bounds() -> list[int | None]:
        pairs = zip(providers, asked, strict=True)
        return [worst_case(provider=provider, facts=facts, started_at=FRIDAY) for provider, facts in pairs]

    by_rates = bounds()
    monkeypatch.setattr(Row, "text_rates", lambda *_arguments: None)
    assert by_rates == bounds()
    assert len([bound for bound in by_rates if bound]) > 500


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-haiku-4-5", "no-such-model"])
def test_a_quote_is_the_bound_of_the_request_with_a_lower_output_limit(model: str) -> None:
    blocks = (Block(b"a", 9000),)
    facts = replace(TEXT, model=model, choices=2, output_limit=30_000, is_self_contained=True, blocks=blocks)
    quote = output_quote(provider="anthropic", facts=facts, started_at=FRIDAY, host="", known=None)
    for limit in (0, 1, 500, 30_000, 64_000):
        asked = replace(facts, output_limit=min(limit, 30_000))
        assert quote(limit) == worst_case(provider="anthropic", facts=asked, started_at=FRIDAY)


def test_texts_to_embed_may_fill_the_window_each() -> None:
    many = RequestFacts("text-embedding-3-small", False, 1_000_000, output_limit=0)
    assert bound(many) >= 1_000_000 * 20


def test_where_the_provider_reads_in_rounds_the_sum_of_them_is_held() -> None:
    rounds = replace(TEXT, model="claude-sonnet-4-5", is_input_bounded=False, has_rounds=True)
    assert bound(rounds, "anthropic") >= 600_000 * 3000


def test_what_is_known_of_an_earlier_call_lowers_the_bound() -> None:
    longer = replace(TEXT, is_self_contained=True, blocks=(Block(b"a", 7000), Block(b"b", 900)))
    known = worst_case(provider="openai", facts=longer, started_at=FRIDAY, known=KnownInput(1500, 1))
    # 1,500 tokens seen, 900 bytes added and 256 hidden tokens as cache writes at $2.50, 1,000 of output at $10.
    assert known == 2656 * 2500 + 10_000_000


@pytest.mark.parametrize(
    ("change", "at_least"),
    [
        ({"output_limit": None}, 128_000 * 10_000),
        ({"choices": 4}, 4 * 1000 * 10_000),
        ({"service_tier": "priority"}, 70_000_000),
        ({"service_tier": "ultrafast"}, 210_000_000),
        ({"max_web_searches": 5}, 35_000_000 + 50_000_000),
        ({"body_bytes": 300_000}, 302_048 * 2 * 2500),
    ],
)
def test_what_makes_a_call_dearer_raises_the_bound(change: dict[str, Any], at_least: int) -> None:
    assert bound(replace(TEXT, **change)) >= at_least


@pytest.mark.parametrize("tier", ["flex", "batch"])
def test_a_discount_that_may_not_be_given_lowers_nothing(tier: str) -> None:
    assert bound(replace(TEXT, service_tier=tier)) == bound(TEXT)


def test_a_region_raises_the_bound() -> None:
    facts = replace(TEXT, model="claude-opus-5-5")
    assert bound(replace(facts, region="us"), "anthropic") * 10 == bound(facts, "anthropic") * 11


@pytest.mark.parametrize("change", [{"model": "no-such-model"}, {"model": ""}, {"service_tier": "hyperspeed"}])
def test_a_call_without_a_price_has_no_bound(change: dict[str, Any]) -> None:
    assert worst_case(provider="openai", facts=replace(TEXT, **change), started_at=FRIDAY) is None


def test_pictures_and_sound_are_held_for_at_their_own_rates() -> None:
    image = replace(TEXT, model="gemini-2.5-flash-image", output_limit=1290)
    assert bound(image, "google") >= 38_700_000
    audio = replace(TEXT, model="gpt-audio", is_input_bounded=False, output_limit=400)
    usage = Usage(input_tokens=600, output_tokens=400, input_audio_tokens=600, output_audio_tokens=400)
    response = ResponseFacts(usage=usage, response_model="gpt-audio")
    spent = price_call(provider="openai", request_model="", response=response, started_at=FRIDAY)
    assert spent.cost_nano_usd is not None
    assert bound(audio) >= spent.cost_nano_usd


def test_the_bound_rounds_up() -> None:
    tiny = RequestFacts(model="gpt-5-nano", is_stream=False, body_bytes=0, output_limit=0)
    assert bound(tiny) * 1000 >= 2048 * 50_000


def test_importing_the_bound_loads_no_price_data() -> None:
    code = "import sys, app.pricing.bound, app.pricing.table; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@needs_recordings
def test_no_recorded_input_is_larger_than_its_bound() -> None:
    calls = list(bounded())
    assert [call.name for call in calls if call.bound < call.tokens] == []
    assert len(calls) > 2500
    assert sum(call.is_extending for call in calls) > 700


@needs_recordings
def test_no_recorded_call_cost_more_than_its_bound() -> None:
    below, checked = [], 0
    for call in replayed():
        by_table = replace(call.answer, usage=replace(call.answer.usage, reported_cost_nano_usd=None))
        spent = price_call(provider=call.provider, request_model=call.facts.model, response=by_table, started_at=FRIDAY)
        most = worst_case(provider=call.provider, facts=call.facts, started_at=FRIDAY)
        if spent.cost_nano_usd is None or most is None:
            continue
        checked += 1
        if most < spent.cost_nano_usd:
            below.append(call.recording.name)
    assert checked > 1500
    assert below == []
