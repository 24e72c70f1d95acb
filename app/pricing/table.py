"""What a finished call cost, and what one that was cut off may have cost.

Order of truth: the provider's own figure, a person's override, the price table, unknown. Unknown is None, never 0.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.core.call import Basis
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.money import MAX_NANO_USD, nano_from_decimal
from app.core.usage import Usage
from app.pricing.book import Book, current_book
from app.pricing.modifiers import billing_instants, long_write_factor, modifier_for, names_of, region_factor, search_fee
from app.pricing.overrides import PriceOverride
from app.pricing.price_table import bare_name
from app.pricing.rows import Row

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
    """Dollars, whether each part of them is the table's or the person's, and which override they were computed with."""

    usd: Decimal
    is_exact: bool
    override_id: str = ""


@dataclass(frozen=True, slots=True)
class _Pricing:
    """What all inferences of one call have in common."""

    book: Book
    provider: str
    host: str
    tier: str
    speed: str
    region: str
    at: datetime


def price_call(
    *, provider: str, request_model: str, response: ResponseFacts, started_at: datetime, host: str = ""
) -> Priced:
    """The cost of an answer whose usage is known.

    Priced by the model that answered, else the one asked for, at the prices of `started_at` (aware). The basis is
    estimated where the one that answered is not in the table, or where a modifier or a fee is only known as a bound;
    unpriced where a model or a tier has no price.
    """
    if response.billed is not None:
        response = replace(response, usage=response.billed)
    usage = response.usage
    if usage.reported_cost_nano_usd is not None:
        return Priced(usage.reported_cost_nano_usd, Basis.REPORTED, "")
    book = current_book()
    models = names_of(provider, request_model, response.response_model)
    override = book.override_for(provider, models, host, started_at)
    if override is not None and override.is_free and not response.side_inferences:
        return Priced(0, Basis.TABLE, _version(book, override.override_id))
    if not usage.is_known:
        return _unpriced(book)
    pricing = _pricing(book, provider, host, response, started_at)
    parts = [_part(pricing, models, usage)]
    for side in response.side_inferences:
        parts.append(_part(pricing, (side.model,) if side.model else models, side.usage))
    amounts = [part for part in parts if part is not None]
    nano = nano_from_decimal(sum((part.usd for part in amounts), Decimal(0)))
    if len(amounts) < len(parts) or nano > MAX_NANO_USD:
        return _unpriced(book)
    is_exact = all(part.is_exact for part in amounts)
    return Priced(nano, Basis.TABLE if is_exact else Basis.ESTIMATED, _version(book, amounts[0].override_id))


def listed_usd(
    *, provider: str, request_model: str, response: ResponseFacts, started_at: datetime, host: str = ""
) -> Decimal | None:
    """Dollars of an answer by a person's override or the table, unrounded and without side inferences, whatever the
    provider said that it charged; None without a price."""
    book = current_book()
    models = names_of(provider, request_model, response.response_model)
    part = _part(_pricing(book, provider, host, response, started_at), models, response.usage)
    return None if part is None else part.usd


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


def _pricing(book: Book, provider: str, host: str, response: ResponseFacts, at: datetime) -> _Pricing:
    return _Pricing(book, provider, host, response.service_tier, response.speed, response.region, at)


def _unpriced(book: Book) -> Priced:
    return Priced(None, Basis.UNPRICED, book.table.version)


def _version(book: Book, override_id: str) -> str:
    return f"{book.table.version}, set by you {override_id[:16]}" if override_id else book.table.version


def _part(pricing: _Pricing, models: tuple[str, ...], usage: Usage) -> _Amount | None:
    """One inference: by the price a person set for it, else by the table's row. None where there is neither."""
    override = pricing.book.override_for(pricing.provider, models, pricing.host, pricing.at)
    if override is not None and override.is_free:
        return _Amount(Decimal(0), True, override.override_id)
    if override is not None and override.rates is not None:
        return _by_rates(pricing, override, next((model for model in models if model), ""), usage)
    named = [model for model in models if model]
    for model in named:
        row = pricing.book.find_row(pricing.provider, model)
        if row is not None:
            amount = _by_row(pricing, row, bare_name(model), usage)
            if amount is not None and model != named[0]:
                amount = replace(amount, is_exact=False)
            if amount is None or override is None or override.factor is None:
                return amount
            return _Amount(amount.usd * override.factor, amount.is_exact, override.override_id)
    return None


def _by_rates(pricing: _Pricing, override: PriceOverride, model: str, usage: Usage) -> _Amount | None:
    if override.rates is None:
        return None
    searches, is_exact = Decimal(0), usage.input_tokens is not None and usage.output_tokens is not None
    if usage.web_searches:
        told = override.rates.searches_usd(usage.web_searches)
        fee = search_fee(pricing.provider, model)
        searches = told if told is not None else usage.web_searches * (fee or Decimal(0))
        is_exact = is_exact and told is not None
    return _Amount(override.rates.tokens_usd(usage) + searches, is_exact, override.override_id)


def _by_row(pricing: _Pricing, row: Row, model: str, usage: Usage) -> _Amount | None:
    """Its tokens, the modifiers of tier and place on them, and fees, which no modifier changes."""
    at, or_at = billing_instants(pricing.provider, pricing.at)
    modifier = modifier_for(row, pricing.provider, tier=pricing.tier, speed=pricing.speed, at=at, model=model)
    if modifier is None:
        return None
    tokens = usage if usage.web_searches is None else replace(usage, web_searches=None)
    try:
        usd, is_whole = _tokens_usd(row, model, tokens, at, modifier.context)
    except ValueError:
        return None
    is_told = usage.input_tokens is not None and usage.output_tokens is not None
    is_one_model = not model.endswith("-latest")
    is_exact = modifier.is_exact and is_whole and is_told and is_one_model and row.has_same_prices(at, or_at)
    usd *= modifier.factor * region_factor(pricing.provider, model, region=pricing.region, host=pricing.host)
    if usage.web_searches and row.has_price("web_searches", at):
        usd += row.price(Usage(web_searches=usage.web_searches), at, {})
    elif usage.web_searches:
        usd, is_exact = usd + usage.web_searches * (search_fee(pricing.provider, model) or Decimal(0)), False
    return _Amount(usd, is_exact)


def _tokens_usd(row: Row, model: str, usage: Usage, at: datetime, context: dict[str, str]) -> tuple[Decimal, bool]:
    """Dollars of the tokens, and whether the row has a price for each class of them. Raises ValueError."""
    usd, is_whole = row.price(usage, at, context), True
    if usage.cache_write_1h_tokens and not row.has_price("cache_write_1h_tokens", at):
        factor = long_write_factor(model)
        usd = usd if factor is None else row.long_write_price(usage, at, context, factor)
        is_whole = False
    if usage.input_audio_tokens and not row.has_price("input_audio_tokens", at):
        is_whole = False
    if usage.output_audio_tokens and not row.has_price("output_audio_tokens", at):
        is_whole = False
    if row.is_image_maker(at):
        silent = replace(usage, output_tokens=0, output_audio_tokens=None)
        pictures = row.image_price(usage.output_tokens or 0, at, context)
        usd, is_whole = max(usd, row.price(silent, at, context) + pictures), False
    return usd, is_whole
