"""List prices of the models that some calls went to, class by class."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Protocol

from app.core.call_sum import ClassRates, RateCard
from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.pricing.table import price_call

_SAMPLE = 1_000
"""Tokens priced to learn a rate: few enough to stay below every threshold of a long context, and enough that a price
of a millionth of a dollar for a million tokens is still a whole nano-dollar."""


class OfModel(Protocol):
    """Sums of calls to one model."""

    @property
    def provider(self) -> str:
        """Whose model."""

    @property
    def model(self) -> str:
        """The one that answered."""


def rate_card(sums: Iterable[OfModel], at: datetime) -> RateCard:
    """The rates at `at` of all models in these sums that have a list price."""
    card: RateCard = {}
    for provider, model in {(one.provider, one.model) for one in sums}:
        rates = _rates(provider, model, at)
        if rates is not None:
            card[provider, model] = rates
    return card


def _rates(provider: str, model: str, at: datetime) -> ClassRates | None:
    fresh = _rate(provider, model, at, Usage(input_tokens=_SAMPLE, output_tokens=0))
    read = _rate(provider, model, at, Usage(input_tokens=_SAMPLE, output_tokens=0, cache_read_tokens=_SAMPLE))
    written = Usage(input_tokens=_SAMPLE, output_tokens=0, cache_write_tokens=_SAMPLE)
    for_an_hour = Usage(
        input_tokens=_SAMPLE, output_tokens=0, cache_write_tokens=_SAMPLE, cache_write_1h_tokens=_SAMPLE
    )
    write, write_1h = _rate(provider, model, at, written), _rate(provider, model, at, for_an_hour)
    output = _rate(provider, model, at, Usage(input_tokens=0, output_tokens=_SAMPLE))
    if fresh is None or read is None or write is None or write_1h is None or output is None:
        return None
    search = _rate(provider, model, at, Usage(input_tokens=0, output_tokens=0, web_searches=_SAMPLE))
    return ClassRates(fresh, read, write, write_1h, output, search or Fraction(0))


def _rate(provider: str, model: str, at: datetime, usage: Usage) -> Fraction | None:
    response = ResponseFacts(usage=usage, response_model=model)
    cost = price_call(provider=provider, request_model=model, response=response, started_at=at).cost_nano_usd
    return None if cost is None else Fraction(cost, _SAMPLE)
