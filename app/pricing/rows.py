"""One row of the price table: genai-prices' record of a model, and our counts in its words."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from app.core.usage import Usage

if TYPE_CHECKING:
    from genai_prices import types

_FEE_KEYS = {"web_searches": "web_searches_kcount"}
_CLASS_KEYS = {
    "input_tokens": "input_mtok",
    "output_tokens": "output_mtok",
    "cache_read_tokens": "cache_read_mtok",
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "input_audio_tokens": "input_audio_mtok",
    "output_audio_tokens": "output_audio_mtok",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A model as one provider sells it."""

    provider: "types.Provider"
    model: "types.ModelInfo"

    @property
    def name(self) -> str:
        """The model's name in the table."""
        return str(self.model.id)

    @property
    def context_window(self) -> int | None:
        """Most tokens of input; None where the table does not tell."""
        return self.model.context_window

    def price(self, usage: Usage, at: datetime, context: dict[str, str]) -> Decimal:
        """Dollars of these counts. `context` chooses a variant; one the row does not have changes nothing.

        What was not said counts as 0: the caller says what that is worth. Raises ValueError for counts it cannot take.
        """
        if not context and not _has_more_than_text(usage) and (rates := _flat_rates(self, at)) is not None:
            return rates.usd(usage)
        return self._calculate(_counts(usage), at, context)

    def has_variant(self, at: datetime, context: dict[str, str]) -> bool:
        """Whether the row has prices of its own for this context, other than the standard ones.

        A row borrowed from another provider has none: the table leaves the context out of its calculation.
        """
        if not any(self.model is own for own in self.provider.models):
            return False
        return self.model.get_prices(at, context) != self.model.get_prices(at)

    def has_price(self, field: str, at: datetime) -> bool:
        """Whether a class of tokens or a fee of `Usage` has a price of its own in the row."""
        key = _CLASS_KEYS.get(field) or _FEE_KEYS[field]
        return getattr(self.model.get_prices(at), key) is not None

    def has_same_prices(self, one: datetime, other: datetime) -> bool:
        """Whether the row asks the same at both instants."""
        return one == other or self.model.get_prices(one) == self.model.get_prices(other)

    def rates(self, at: datetime) -> dict[str, Decimal]:
        """Dollars for a million tokens of each class, and for a thousand searches, at the lowest level of tiers."""
        prices = self.model.get_prices(at)
        named = {field: getattr(prices, key) for field, key in (_CLASS_KEYS | _FEE_KEYS).items()}
        return {field: getattr(price, "base", price) for field, price in named.items() if price is not None}

    def tiers(self, at: datetime) -> list[int]:
        """Above how many tokens of input the whole call has another price, lowest first."""
        prices = self.model.get_prices(at)
        found = {tier.start for key in _CLASS_KEYS.values() for tier in getattr(getattr(prices, key), "tiers", [])}
        return sorted(found)

    def is_image_maker(self, at: datetime) -> bool:
        """Whether the row has a price for pictures made: our counts do not tell them from text."""
        return self.model.get_prices(at).output_image_mtok is not None

    def image_price(self, tokens: int, at: datetime, context: dict[str, str]) -> Decimal:
        """Dollars of that many tokens of output, were they all a picture."""
        from genai_prices.types import Usage as Counts

        counts = Counts(input_tokens=0, output_tokens=tokens, output_image_tokens=tokens)
        return self._calculate(counts, at, context)

    def long_write_price(self, usage: Usage, at: datetime, context: dict[str, str], times_input: Decimal) -> Decimal:
        """Dollars of these counts where long cache writes, for which the row has no price, cost so many times input."""
        long = min(usage.cache_write_1h_tokens or 0, usage.cache_write_tokens or 0)
        given = max(usage.input_tokens or 0, (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0), 1)
        plain = replace(usage, cache_write_tokens=(usage.cache_write_tokens or 0) - long, cache_write_1h_tokens=None)
        rate = self.price(Usage(input_tokens=given), at, context) / given
        return self.price(replace(plain, input_tokens=given), at, context) + long * rate * (times_input - 1)

    def _calculate(self, counts: "types.Usage", at: datetime, context: dict[str, str]) -> Decimal:
        calculation = self.model.calc_price(
            counts, self.provider, genai_request_timestamp=at, price_context=context or None
        )
        return calculation.total_price


@dataclass(frozen=True, slots=True)
class _FlatRates:
    """Dollars a token of each class, of a row that asks the same however many there are."""

    plain: Decimal
    read: Decimal
    written: Decimal
    written_1h: Decimal
    made: Decimal

    def usd(self, usage: Usage) -> Decimal:
        """Dollars of these counts; parts larger than their whole raise the whole, as in `_counts`."""
        read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        long = min(usage.cache_write_1h_tokens or 0, written)
        plain = max((usage.input_tokens or 0) - read - written, 0)
        return (
            self.plain * plain
            + self.read * read
            + self.written * (written - long)
            + self.written_1h * long
            + self.made * (usage.output_tokens or 0)
        )


_MANY = 1_000_000
_PROBES = (
    Usage(input_tokens=_MANY),
    Usage(_MANY, cache_read_tokens=_MANY),
    Usage(_MANY, cache_write_tokens=_MANY),
    Usage(_MANY, cache_write_tokens=_MANY, cache_write_1h_tokens=_MANY),
    Usage(output_tokens=_MANY),
)
_flat: dict[int, tuple[object, _FlatRates | None]] = {}
"""By the identity of a row's prices, which are kept here so that no others can get the same."""


def _flat_rates(row: Row, at: datetime) -> _FlatRates | None:
    """What a token of each class costs, asked of the table once; None where it depends on how many there are.

    The table takes some 60 microseconds to price one usage; a call is priced half a dozen times.
    """
    prices = row.model.get_prices(at)
    known = _flat.get(id(prices))
    if known is None:
        known = _flat[id(prices)] = (prices, _asked_rates(row, at) if _is_flat(prices) else None)
    return known[1]


def _has_more_than_text(usage: Usage) -> bool:
    return bool(usage.input_audio_tokens or usage.output_audio_tokens or usage.web_searches)


def _is_flat(prices: "types.ModelPrice") -> bool:
    asked = {key: price for key, price in vars(prices).items() if price is not None}
    return all(isinstance(price, Decimal) for price in asked.values()) and not any("request" in key for key in asked)


def _asked_rates(row: Row, at: datetime) -> _FlatRates | None:
    try:
        whole = [row._calculate(_counts(usage), at, {}) for usage in _PROBES]
    except ValueError:
        return None
    return _FlatRates(*(usd / _MANY for usd in whole))


def _counts(usage: Usage) -> "types.Usage":
    """Our counts in the table's words. Parts larger than their whole raise the whole: the dearer reading."""
    from genai_prices.types import Usage as Counts

    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    heard, spoken = usage.input_audio_tokens or 0, usage.output_audio_tokens or 0
    heard_again = min(usage.cache_audio_read_tokens or 0, read, heard)
    audio_alone = heard - heard_again
    return Counts(
        input_tokens=max(usage.input_tokens or 0, read + written + audio_alone),
        output_tokens=max(usage.output_tokens or 0, spoken),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(usage.cache_write_1h_tokens or 0, written),
        input_audio_tokens=heard,
        output_audio_tokens=spoken,
        cache_audio_read_tokens=heard_again,
        web_searches=usage.web_searches or 0,
    )
