"""One row of the price table: genai-prices' record of a model, and our counts in its words."""

from bisect import bisect_left
from collections.abc import Iterable
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
_OF_SOUND = frozenset({"input_audio_tokens", "output_audio_tokens"})


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
        if not context and not _has_more_than_text(usage):
            given = max(usage.input_tokens or 0, (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0))
            rates = _sheet(self, at).rates_for(given)
            if rates is not None:
                return rates.usd(usage)
        return self._calculate(_counts(usage), at, context)

    def text_rates(self, tokens: int, at: datetime) -> "TextRates | None":
        """What a token of each class costs in a call with so many tokens of input, without a variant; None where only
        the table can tell, and for a row that has prices for sound or pictures too."""
        sheet = _sheet(self, at)
        is_text_alone = not sheet.makes_images and sheet.priced.isdisjoint(_OF_SOUND)
        return sheet.rates_for(tokens) if is_text_alone else None

    def has_variant(self, at: datetime, context: dict[str, str]) -> bool:
        """Whether the row has prices of its own for this context, other than the standard ones.

        A row borrowed from another provider has none: the table leaves the context out of its calculation.
        """
        if not any(self.model is own for own in self.provider.models):
            return False
        return self.model.get_prices(at, context) != self.model.get_prices(at)

    def has_price(self, field: str, at: datetime) -> bool:
        """Whether a class of tokens or a fee of `Usage` has a price of its own in the row."""
        return field in _sheet(self, at).priced

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
        return list(_sheet(self, at).tiers)

    def is_image_maker(self, at: datetime) -> bool:
        """Whether the row has a price for pictures made: our counts do not tell them from text."""
        return _sheet(self, at).makes_images

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
class TextRates:
    """Dollars a token of each class, of calls whose input is of one length: in one level of the row's tiers."""

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


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What each call asks of a row's prices. `priced` are the fields of `Usage` with a price of their own; `rates` are
    those of each level between the `starts` of tiers, none where the table must be asked; `tiers` are the starts of
    prices that our counts know. The `prices` are kept, so that no others can get their identity."""

    prices: "types.ModelPrice"
    priced: frozenset[str]
    makes_images: bool
    tiers: tuple[int, ...]
    starts: tuple[int, ...]
    rates: "tuple[TextRates | None, ...]"

    def rates_for(self, tokens: int) -> TextRates | None:
        """The rates of calls with so many tokens of input."""
        return self.rates[bisect_left(self.starts, tokens)] if self.rates else None


_sheets: dict[int, _Sheet] = {}
"""By the identity of a row's prices."""


def _sheet(row: Row, at: datetime) -> _Sheet:
    """The row's prices at that time, asked of the table once: it takes some 60 microseconds to price one usage, and a
    call is priced half a dozen times."""
    prices = row.model.get_prices(at)
    known = _sheets.get(id(prices))
    if known is None:
        known = _sheets[id(prices)] = _read_sheet(row, prices, at)
    return known


def _read_sheet(row: Row, prices: "types.ModelPrice", at: datetime) -> _Sheet:
    told = {key: price for key, price in vars(prices).items() if price is not None}
    priced = frozenset(field for field, key in (_CLASS_KEYS | _FEE_KEYS).items() if key in told)
    starts = _starts(told.values())
    levels: tuple[TextRates | None, ...] = ()
    if not any("request" in key for key in told):
        levels = tuple(_asked_rates(row, at, above, starts) for above in (None, *starts))
    tiers = _starts(told.get(key) for key in _CLASS_KEYS.values())
    return _Sheet(prices, priced, "output_image_mtok" in told, tiers, starts, levels)


def _starts(prices: Iterable[object]) -> tuple[int, ...]:
    return tuple(sorted({tier.start for price in prices for tier in getattr(price, "tiers", ())}))


def _has_more_than_text(usage: Usage) -> bool:
    return bool(usage.input_audio_tokens or usage.output_audio_tokens or usage.web_searches)


_MANY = 1_000_000


def _asked_rates(row: Row, at: datetime, above: int | None, starts: tuple[int, ...]) -> TextRates | None:
    """The rates of calls with more tokens of input than `above`, up to the next of `starts`."""
    given = above + 1 if above is not None else min([_MANY, *starts])
    if not given:
        return None
    inputs = (
        Usage(given),
        Usage(given, cache_read_tokens=given),
        Usage(given, cache_write_tokens=given),
        Usage(given, cache_write_tokens=given, cache_write_1h_tokens=given),
    )
    try:
        plain, read, written, written_1h = (row._calculate(_counts(usage), at, {}) for usage in inputs)
        made = row._calculate(_counts(Usage(given, _MANY)), at, {}) - plain
    except ValueError:
        return None
    return TextRates(plain / given, read / given, written / given, written_1h / given, made / _MANY)


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
