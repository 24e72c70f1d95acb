"""What each token of one call's input cost, by how it was billed, and what parts of the input came to.

The rates are those of the call: its tier, place and length, the prices of its time, a person's own. Amounts are exact
products of tokens and rates, rounded down to a nano-dollar.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from math import floor

from app.core.exchange import ResponseFacts
from app.core.money import NANO_PER_USD
from app.core.usage import Usage
from app.pricing.book import Book, current_book
from app.pricing.modifiers import names_of
from app.pricing.table import listed_usd

_CLASSES = ((), ("cache_read_tokens",), ("cache_write_tokens",), ("cache_write_tokens", "cache_write_1h_tokens"))
_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class InputRates:
    """Nano-dollars a token of input: paid in full, read from the cache, written to it, and written for an hour."""

    fresh: Fraction
    read: Fraction
    write: Fraction
    write_1h: Fraction


@dataclass(slots=True)
class _Kept:
    book: Book | None = None
    rates: dict[tuple[object, ...], InputRates | None] = field(default_factory=dict)


_kept = _Kept()


def input_rates(
    *, provider: str, request_model: str, response: ResponseFacts, started_at: datetime, host: str = ""
) -> InputRates | None:
    """The rates of an answered call; None without a price or without input.

    Kept for a minute for each model, tier and level of length, since working them out takes a millisecond.
    """
    book, tokens = current_book(), response.usage.input_tokens
    if not tokens:
        return None
    if book is not _kept.book or len(_kept.rates) > _REMEMBERED:
        _kept.book, _kept.rates = book, {}
    row = book.find_row(provider, *names_of(provider, request_model, response.response_model))
    level = 0 if row is None else sum(start < tokens for start in row.tiers(started_at))
    minute = started_at.replace(second=0, microsecond=0)
    billed = (response.service_tier, response.speed, response.region, level, minute)
    key = (provider, host, request_model, response.response_model, *billed)
    if key not in _kept.rates:
        told = replace(response, usage=Usage(input_tokens=tokens, output_tokens=0))
        _kept.rates[key] = _worked_out(provider, request_model, told, started_at, host)
    return _kept.rates[key]


def _worked_out(
    provider: str, request_model: str, response: ResponseFacts, started_at: datetime, host: str
) -> InputRates | None:
    tokens, rates = response.usage.input_tokens or 0, []
    for more in _CLASSES:
        told = replace(response, usage=replace(response.usage, **dict.fromkeys(more, tokens)))
        usd = listed_usd(
            provider=provider, request_model=request_model, response=told, started_at=started_at, host=host
        )
        if usd is None:
            return None
        rates.append(Fraction(usd) * NANO_PER_USD / tokens)
    return InputRates(*rates)


def lost_to_misses(usage: Usage, rates: InputRates, missed_tokens: int) -> int:
    """What tokens cost beyond reading them from the cache, in nano-dollars. What is missed stands first after what was
    read, and so do writes, those for an hour before the others: so they are taken as written as far as that goes."""
    if not missed_tokens:
        return 0
    taken = _taken(missed_tokens, ((_long(usage), rates.write_1h), (_short(usage), rates.write)))
    paid = sum((tokens * rate for tokens, rate in taken), Fraction(0))
    full = missed_tokens - sum(tokens for tokens, _ in taken)
    return max(0, floor(paid + full * rates.fresh - missed_tokens * rates.read))


def cost_of_first(usage: Usage, rates: InputRates, tokens: int) -> int:
    """What the first so many tokens of the input cost, in nano-dollars: read, then written, then paid in full."""
    if not tokens:
        return 0
    classes = ((usage.cache_read_tokens or 0, rates.read), (_long(usage), rates.write_1h), (_short(usage), rates.write))
    taken = _taken(tokens, classes)
    full = tokens - sum(some for some, _ in taken)
    return floor(sum((some * rate for some, rate in taken), full * rates.fresh))


def cost_of_warming(usage: Usage, rates: InputRates) -> int:
    """What the whole input costs when it is sent to a cold cache, in nano-dollars: in full, or at the rate of writing
    it where the call reads or writes a cache that has one."""
    is_written = bool(usage.cache_read_tokens or usage.cache_write_tokens)
    rate = rates.write_1h if _long(usage) else max(rates.write, rates.fresh) if is_written else rates.fresh
    return floor((usage.input_tokens or 0) * rate)


def _long(usage: Usage) -> int:
    return min(usage.cache_write_1h_tokens or 0, usage.cache_write_tokens or 0)


def _short(usage: Usage) -> int:
    return (usage.cache_write_tokens or 0) - _long(usage)


def _taken(tokens: int, classes: tuple[tuple[int, Fraction], ...]) -> list[tuple[int, Fraction]]:
    """So many tokens out of the classes in their order, as far as they go."""
    taken = []
    for available, rate in classes:
        some = min(tokens, available)
        taken.append((some, rate))
        tokens -= some
    return taken
