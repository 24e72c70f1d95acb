"""The prices in force: a table, and what a person set over it.

One book for a process, swapped whole when the ledger says so; a call that is being priced keeps the one it began with.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from app.pricing.overrides import PriceOverride, override_for
from app.pricing.price_table import PriceTable, bundled_table
from app.pricing.resources import read_figures
from app.pricing.rows import Row


@dataclass(frozen=True, slots=True)
class Book:
    """A price table and the overrides over it, in effect or not."""

    table: PriceTable
    overrides: tuple[PriceOverride, ...] = ()

    def find_row(self, provider: str, *models: str) -> Row | None:
        """The row of the first of these names that the table has."""
        rows = (self.table.find_row(provider, model) for model in models)
        return next((row for row in rows if row is not None), None)

    def override_for(self, provider: str, models: tuple[str, ...], host: str, at: datetime) -> PriceOverride | None:
        """What a person set for such a call, else what is free by its nature."""
        found = override_for(self.overrides, provider=provider, models=models, host=host, at=at)
        return found or (_FREE if provider in read_figures("modifiers")["free_providers"] else None)


@cache
def _bundled() -> Book:
    return Book(bundled_table())


_FREE = PriceOverride("own server", datetime(1970, 1, 1, tzinfo=UTC), factor=Decimal(0))
"""Models that run on one's own machine cost nothing, unless a person sets a price."""

_current: Book | None = None


def current_book() -> Book:
    """The prices in force in this process: those that ship with Bursar until `use_book`."""
    return _current or _bundled()


def bundled_book() -> Book:
    """The prices that ship with Bursar, nothing set over them."""
    return _bundled()


def use_book(book: Book | None) -> None:
    """Put other prices in force; None for those that ship with Bursar."""
    global _current
    _current = book
