"""Where a provider bills other counts than it processed, the price is that of what it bills."""

from dataclasses import replace
from datetime import UTC, datetime

from app.core.call import Basis
from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.pricing.table import Priced, price_call

PROCESSED = ResponseFacts(usage=Usage(input_tokens=91_000, output_tokens=11_000), is_final=True)


def price(response: ResponseFacts) -> Priced:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return price_call(provider="cohere", request_model="command-r7b", response=response, started_at=at)


def test_cohere_is_priced_by_what_it_bills() -> None:
    billed = Usage(input_tokens=25_000, output_tokens=9_000)
    priced = price(replace(PROCESSED, billed=billed))
    assert priced == price(replace(PROCESSED, usage=billed))
    assert priced.basis is Basis.TABLE
    assert priced.cost_nano_usd is not None
    assert 0 < priced.cost_nano_usd < (price(PROCESSED).cost_nano_usd or 0)


def test_counts_that_are_not_billed_in_tokens_are_not_priced() -> None:
    assert price(ResponseFacts(search_units=1, is_final=True)).basis is Basis.UNPRICED
