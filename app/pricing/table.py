"""What a finished call cost, and what one that was cut off may have cost.

Order of truth: the provider's own figure, the price table, unknown. Unknown is None, never 0.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.core.call import Basis
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.money import MAX_NANO_USD, nano_from_decimal
from app.core.usage import Usage
from app.pricing.modifiers import modifier_for, region_factor, search_fee
from app.pricing.rows import Row, find_row, price_version

BYTES_PER_TOKEN = 4
"""English and code come to four and a half bytes a token with current tokenizers; JSON to three and a half."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A cost in nano-dollars, None when unpriced; where it comes from; the price data it was computed with."""

    cost_nano_usd: int | None
    basis: Basis
    version: str


@dataclass(frozen=True, slots=True)
class _Amount:
    """Dollars, and whether each part of them is the table's."""

    usd: Decimal
    is_exact: bool


def price_call(
    *, provider: str, request_model: str, response: ResponseFacts, started_at: datetime, host: str = ""
) -> Priced:
    """The cost of an answer whose usage is known.

    Priced by the model that answered, else the one asked for, at the prices of `started_at` (aware). The basis is
    estimated where a modifier or a fee is only known as a bound; unpriced where a model or a tier has no price.
    """
    if response.billed is not None:
        response = replace(response, usage=response.billed)
    usage = response.usage
    if usage.reported_cost_nano_usd is not None:
        return Priced(usage.reported_cost_nano_usd, Basis.REPORTED, "")
    if not usage.is_known:
        return _unpriced()
    amount = _amount(provider, request_model, response, started_at)
    if amount is None:
        return _unpriced()
    factor = region_factor(provider, region=response.region, host=host)
    nano = nano_from_decimal(amount.usd * factor)
    if nano > MAX_NANO_USD:
        return _unpriced()
    return Priced(nano, Basis.TABLE if amount.is_exact else Basis.ESTIMATED, price_version())


def price_estimate(
    *, provider: str, facts: RequestFacts, response: ResponseFacts, started_at: datetime, host: str = ""
) -> Priced:
    """What a call that was cut off probably cost: what is known of its input, else the body's bytes by four; the output
    told so far or the bytes seen by four, whichever is more. Estimated, or unpriced where the model has no price.
    """
    said = response.usage
    given = said.input_tokens if said.input_tokens is not None else _tokens(facts.body_bytes)
    made = max(said.output_tokens or 0, _tokens(response.output_bytes))
    likely = replace(
        response,
        usage=replace(said, input_tokens=given, output_tokens=made),
        service_tier=response.service_tier or facts.service_tier,
        speed=response.speed or facts.speed,
        region=response.region or facts.region,
    )
    priced = price_call(provider=provider, request_model=facts.model, response=likely, started_at=started_at, host=host)
    if priced.basis in (Basis.UNPRICED, Basis.REPORTED):
        return priced
    return replace(priced, basis=Basis.ESTIMATED)


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def _unpriced() -> Priced:
    return Priced(None, Basis.UNPRICED, price_version())


def _amount(provider: str, request_model: str, response: ResponseFacts, at: datetime) -> _Amount | None:
    row = find_row(provider, response.response_model) or find_row(provider, request_model)
    if row is None:
        return None
    parts = [_part(row, provider, response.usage, response, at)]
    for side in response.side_inferences:
        side_row = find_row(provider, side.model) if side.model else row
        parts.append(None if side_row is None else _part(side_row, provider, side.usage, response, at))
    amounts = [part for part in parts if part is not None]
    if len(amounts) < len(parts):
        return None
    return _Amount(sum((part.usd for part in amounts), Decimal(0)), all(part.is_exact for part in amounts))


def _part(row: Row, provider: str, usage: Usage, response: ResponseFacts, at: datetime) -> _Amount | None:
    """One inference: its tokens, the tier's modifier on them, and fees that the row leaves out."""
    modifier = modifier_for(row, provider, tier=response.service_tier, speed=response.speed, at=at)
    if modifier is None:
        return None
    is_exact = modifier.is_exact and usage.input_tokens is not None and usage.output_tokens is not None
    try:
        usd = row.price(usage, at, modifier.context)
    except ValueError:
        return None
    if row.is_image_maker(at):
        pictures = row.image_price(usage.output_tokens or 0, at, modifier.context)
        usd = max(
            usd, row.price(replace(usage, output_tokens=0, output_audio_tokens=None), at, modifier.context) + pictures
        )
        is_exact = False
    fees = Decimal(0)
    if usage.web_searches and not row.has_price("web_searches", at):
        fees, is_exact = usage.web_searches * (search_fee(provider) or Decimal(0)), False
    return _Amount(usd * modifier.factor + fees, is_exact)
