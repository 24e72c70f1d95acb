"""The most a call can cost, known before it is sent: what is held of every cap it falls under.

A bound that is too low lets money past a cap; one too high makes agents wait. So each part takes the dearest reading
that the request allows, and no dearer one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.core.exchange import RequestFacts
from app.core.money import MAX_NANO_USD, nano_ceiling
from app.core.usage import Usage
from app.pricing.book import current_book
from app.pricing.input_bound import KnownInput, input_bound
from app.pricing.limits import max_output_tokens
from app.pricing.modifiers import (
    STANDARD,
    Modifier,
    long_write_factor,
    modifier_for,
    region_factor,
    reports_cost,
    search_fee,
)
from app.pricing.overrides import PriceOverride
from app.pricing.rows import Row, TextRates


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request and what it may use at most, in tokens."""

    provider: str
    host: str
    facts: RequestFacts
    at: datetime
    given: int
    made: int


def worst_case(
    *, provider: str, facts: RequestFacts, started_at: datetime, host: str = "", known: KnownInput | None = None
) -> int | None:
    """Nano-dollars that a call costs at most, rounded up; None when its model or tier has no price.

    `known` is what is known of the input from an earlier call that this one extends. Otherwise assumes that a text has
    no more tokens than bytes, which holds for tokenizers that work on bytes.
    """
    return output_quote(provider=provider, facts=facts, started_at=started_at, host=host, known=known).whole


@dataclass(frozen=True, slots=True)
class OutputQuote:
    """The most a call costs, whole or with a lower output limit, in nano-dollars, rounded up; None without a price.
    `given` is the most tokens of its input, which `facts` need not hold any more."""

    provider: str
    facts: RequestFacts
    at: datetime
    host: str
    given: int

    @property
    def whole(self) -> int | None:
        """With the request's own limit."""
        return self._most(self.facts.output_limit)

    def __call__(self, tokens: int) -> int | None:
        """With this limit; its own is never raised."""
        limit = self.facts.output_limit
        return self._most(tokens if limit is None else min(tokens, limit))

    def _most(self, limit: int | None) -> int | None:
        row = current_book().find_row(self.provider, self.facts.model)
        made = output_bound(self.facts, row, limit)
        return _most_usd(_Asked(self.provider, self.host, self.facts, self.at, self.given, made), row)


def output_quote(
    *, provider: str, facts: RequestFacts, started_at: datetime, host: str, known: KnownInput | None
) -> OutputQuote:
    """A quote for a request, small enough to be passed on."""
    row = current_book().find_row(provider, facts.model)
    given = input_bound(facts, row.context_window if row else None, known)
    return OutputQuote(provider, replace(facts, blocks=(), parts=(), tool_results=()), started_at, host, given)


def _most_usd(asked: _Asked, row: Row | None) -> int | None:
    model = asked.facts.model
    override = current_book().override_for(asked.provider, (model,), asked.host, asked.at)
    by_table = None if row is None else _by_row(row, asked)
    usd = by_table if override is None else _overridden(override, asked, by_table)
    return None if usd is None else min(nano_ceiling(usd), MAX_NANO_USD)


def output_bound(facts: RequestFacts, row: Row | None, limit: int | None) -> int:
    """Most tokens of output: this limit, without one the model's, for each answer asked for."""
    if limit is None:
        names = [facts.model, row.name] if row else [facts.model]
        limit = max(max_output_tokens(name, row.context_window if row else None) for name in names)
    return limit * facts.choices


def _overridden(override: PriceOverride, asked: _Asked, by_table: Decimal | None) -> Decimal | None:
    """The bound under a person's price. A provider that tells its own cost is not held to it."""
    if override.is_free:
        usd: Decimal | None = Decimal(0)
    elif override.factor is not None:
        usd = None if by_table is None else by_table * override.factor
    else:
        usd = _by_rates(override, asked)
    if usd is None or by_table is None or not reports_cost(asked.provider):
        return usd
    return max(usd, by_table)


def _by_rates(override: PriceOverride, asked: _Asked) -> Decimal | None:
    rates, given = override.rates, asked.given
    if rates is None:
        return None
    classes = (
        Usage(given, asked.made),
        Usage(given, asked.made, cache_read_tokens=given),
        Usage(given, asked.made, cache_write_tokens=given),
        Usage(given, asked.made, cache_write_tokens=given, cache_write_1h_tokens=given),
    )
    searches = asked.facts.max_web_searches
    told = rates.searches_usd(searches)
    fees = searches * (search_fee(asked.provider, asked.facts.model) or Decimal(0)) if told is None else told
    return max(rates.tokens_usd(usage) for usage in classes) + fees


def _by_row(row: Row, asked: _Asked) -> Decimal | None:
    """The bound by the table; None where the tier or speed asked for has no price."""
    facts, at = asked.facts, asked.at
    wanted = modifier_for(row, asked.provider, tier=facts.service_tier, speed=facts.speed, at=at, model=facts.model)
    if wanted is None:
        return None
    # A provider may answer in the standard tier whatever was asked, so both are looked at.
    modifiers = (STANDARD,) if wanted == STANDARD else (wanted, STANDARD)
    dearest = max(_tokens_usd(row, asked, modifier) for modifier in modifiers)
    placed = dearest * region_factor(asked.provider, facts.model, region=facts.region, host=asked.host)
    return placed + _fees_usd(row, asked)


def _tokens_usd(row: Row, asked: _Asked, modifier: Modifier) -> Decimal:
    """Input in its dearest class and output in its dearest, at the tier of the whole input."""
    given, made, at = asked.given, asked.made, asked.at
    rates = None if modifier.context else row.text_rates(given, at)
    if rates is not None:
        return (given * _dearest_input(rates, row, asked) + made * rates.made) * modifier.at_most
    base, *dearer = _input_prices(row, asked, modifier)
    both = [row.price(usage, at, modifier.context) for usage in _output_classes(row, given, made, at)]
    outputs = max(both) - base
    if row.is_image_maker(at):
        outputs = max(outputs, row.image_price(made, at, modifier.context))
    return (max([base, *dearer]) + outputs) * modifier.at_most


def _input_prices(row: Row, asked: _Asked, modifier: Modifier) -> Iterator[Decimal]:
    """The plain class, and each dearer one that the request allows."""
    facts, given, at = asked.facts, asked.given, asked.at
    yield row.price(Usage(input_tokens=given), at, modifier.context)
    if _may_write_cache(row, asked):
        yield row.price(Usage(given, cache_write_tokens=given), at, modifier.context)
    if facts.cache_write == "1h":
        long = Usage(given, cache_write_tokens=given, cache_write_1h_tokens=given)
        factor = None if row.has_price("cache_write_1h_tokens", at) else long_write_factor(facts.model)
        yield row.price(long, at, modifier.context)
        if factor is not None:
            yield row.long_write_price(long, at, modifier.context, factor)
    if not facts.is_input_bounded and row.has_price("input_audio_tokens", at):
        yield row.price(Usage(given, input_audio_tokens=given), at, modifier.context)


def _dearest_input(rates: TextRates, row: Row, asked: _Asked) -> Decimal:
    """Dollars of a token in the dearest of the classes that `_input_prices` goes through."""
    classes = [rates.plain]
    if _may_write_cache(row, asked):
        classes.append(rates.written)
    if asked.facts.cache_write == "1h":
        classes.append(rates.written_1h)
        factor = None if row.has_price("cache_write_1h_tokens", asked.at) else long_write_factor(asked.facts.model)
        if factor is not None:
            classes.append(rates.plain * factor)
    return max(classes)


def _may_write_cache(row: Row, asked: _Asked) -> bool:
    """OpenAI writes its cache unasked."""
    is_unasked = row.provider.id in ("openai", "azure") and row.has_price("cache_write_tokens", asked.at)
    return bool(asked.facts.cache_write) or is_unasked


def _output_classes(row: Row, given: int, made: int, at: datetime) -> Iterator[Usage]:
    yield Usage(input_tokens=given, output_tokens=made)
    if row.has_price("output_audio_tokens", at):
        yield Usage(input_tokens=given, output_tokens=made, output_audio_tokens=made)


def _fees_usd(row: Row, asked: _Asked) -> Decimal:
    """Fees of the searches the request allows, at the row's price or ours."""
    searches = asked.facts.max_web_searches
    if not searches:
        return Decimal(0)
    if row.has_price("web_searches", asked.at):
        return row.price(Usage(web_searches=searches), asked.at, {})
    return searches * (search_fee(asked.provider, asked.facts.model) or Decimal(0))
