"""All prices in force as one list: models without one, those a person set, and the table."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.core.providers import PROVIDERS, provider_title
from app.ledger.engine import Ledger
from app.ledger.price_store import load_book
from app.ledger.unpriced_models import UnpricedModel, unpriced_models
from app.pricing.book import Book
from app.pricing.overrides import ANY, PriceOverride, override_for
from app.pricing.rows import Row
from app.pricing.wording import terms_of

UNPRICED_WITHIN = timedelta(days=90)
YOURS = "Yours"
_EVERY_PROVIDER = "Every provider"


@dataclass(frozen=True, slots=True)
class Amounts:
    """Dollars for a million tokens: given, read from the cache, written to it, made. None is not known, or has no price
    of its own."""

    given: Decimal | None = None
    cached: Decimal | None = None
    written: Decimal | None = None
    made: Decimal | None = None

    @classmethod
    def of_row(cls, row: Row | None, now: datetime) -> "Amounts":
        """Those of a row of the table; unknown ones where there is no row."""
        rates = {} if row is None else row.rates(now)
        names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
        return cls(*(rates.get(name) for name in names))

    def times(self, factor: Decimal) -> "Amounts":
        """So many times these."""
        return Amounts(*(None if one is None else (one * factor).normalize() for one in astuple(self)))


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A model at a provider. `day` is when its price was gathered or set. `override` is a person's own; `calls` and
    `tokens` went without a price."""

    provider: str
    model: str
    amounts: Amounts = Amounts()
    source: str = ""
    day: datetime | None = None
    override: PriceOverride | None = None
    calls: int = 0
    tokens: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others."""
        return self.provider, self.model, self.override.override_id if self.override else self.source

    @property
    def is_own(self) -> bool:
        """Whether a person's price counts here, this one or one for many models."""
        return self.source.startswith(YOURS)

    @property
    def provider_words(self) -> str:
        """The provider's name for people."""
        return _EVERY_PROVIDER if self.provider == ANY else provider_title(self.provider)


@dataclass(frozen=True, slots=True)
class PriceList:
    """Lines without a price first, then a person's own, then the table's. `as_of` is None where nobody knows how old
    the table is; `is_fetched` where it can be gone back from."""

    lines: tuple[PriceLine, ...]
    as_of: datetime | None
    version: str
    is_fetched: bool

    @property
    def unpriced(self) -> int:
        """How many models have no price."""
        return sum(bool(line.calls) for line in self.lines)


def read_prices(ledger: Ledger, now: datetime) -> PriceList:
    """The prices in force at `now`. Takes some 0.4 s the first time, when the table is read. Raises LedgerError."""
    book = load_book(ledger)
    without = (one for one in unpriced_models(ledger, now - UNPRICED_WITHIN) if not _has_price(book, one, now))
    unpriced = [PriceLine(one.provider, one.model, calls=one.calls, tokens=one.tokens) for one in without]
    own = [_own_line(book, one, now) for one in book.overrides]
    taken = {(line.provider, line.model.lower()) for line in own}
    table = [line for line in _table_lines(book, now) if (line.provider, line.model.lower()) not in taken]
    by_name = sorted(table, key=lambda line: (line.provider_words.lower(), line.model))
    is_fetched = bool(book.table.data_id)
    return PriceList((*unpriced, *reversed(own), *by_name), book.table.as_of, book.table.version, is_fetched)


def _has_price(book: Book, one: UnpricedModel, now: datetime) -> bool:
    known = book.override_for(one.provider, (one.model,), "", now) or book.find_row(one.provider, one.model)
    return known is not None


def _own_line(book: Book, override: PriceOverride, now: datetime) -> PriceLine:
    """A person's price; a factor on one known model is worked out."""
    row = book.table.find_row(override.provider, override.model) if _is_one_model(override) else None
    line = PriceLine(override.provider, override.model, override=override)
    return replace(_over(line, override, row, now), override=override)


def _table_lines(book: Book, now: datetime) -> Iterable[PriceLine]:
    """The table's rows at providers that calls can go to. A price that a person set for many models counts in each."""
    names = [provider.name for provider in PROVIDERS]
    beginnings = tuple(f"{name}_" for name in names)
    for provider in book.table.providers():
        if provider in names or provider.startswith(beginnings):
            for row in book.table.rows(provider):
                set_over = override_for(book.overrides, provider=provider, models=(row.name,), host="", at=now)
                line = PriceLine(provider, row.name, Amounts.of_row(row, now), "Table", book.table.as_of)
                yield line if set_over is None else _over(line, set_over, row, now)


def _over(line: PriceLine, override: PriceOverride, row: Row | None, now: datetime) -> PriceLine:
    """A line under a price that a person set."""
    if override.rates is not None:
        rates = override.rates
        amounts = Amounts(rates.input, rates.cache_read, rates.cache_write, rates.output)
    elif override.is_free:
        amounts = Amounts(Decimal(0), Decimal(0), Decimal(0), Decimal(0))
    else:
        amounts = Amounts.of_row(row, now).times(override.factor or Decimal(1))
    terms = "" if override.rates else f", {terms_of(override)}"
    host = "" if override.host == ANY else f" on {override.host}"
    return PriceLine(line.provider, line.model, amounts, f"{YOURS}{terms}{host}", override.created_at)


def _is_one_model(override: PriceOverride) -> bool:
    return not any(sign in override.provider + override.model for sign in "*?[")
