"""What to ask a person before a fetched price table is put in force.

A price table decides what caps stop. So one that makes models suddenly cheap, free or unknown is not believed at once.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.core.errors import InvalidInput
from app.pricing.price_table import PriceTable
from app.pricing.rows import Row

_MAKERS = ("anthropic", "openai", "google")
_SIDES = ("input_tokens", "output_tokens")
_LEAST_SHARE = Decimal("0.5")
"""A table with fewer than half the models of the present one is a part of one, or something else."""


class Doubt(StrEnum):
    """Why a new price may be a mistake."""

    DROPPED = "less than half"
    FREE = "free"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Concern:
    """A model whose new price may be a mistake. Dollars for a million tokens of input and output, None if unknown."""

    doubt: Doubt
    provider: str
    model: str
    before: tuple[Decimal | None, ...]
    after: tuple[Decimal | None, ...]


def review_table(present: PriceTable, new: PriceTable, at: datetime) -> list[Concern]:
    """What a person should look at before `new` takes the place of `present`. Raises InvalidInput for half a table."""
    missing = [maker for maker in _MAKERS if not new.rows(maker)]
    before, after = (sum(len(table.rows(one)) for one in table.providers()) for table in (present, new))
    if missing or after < before * _LEAST_SHARE:
        what = f"nothing of {missing[0]}" if missing else f"{after} models, where the present one has {before}"
        raise InvalidInput("Not a whole price table", f"It has {what}. The prices in force were left as they are.")
    concerns = []
    for provider in present.providers():
        known = {row.name: row for row in new.rows(provider)}
        concerns += [_compared(provider, row, known.get(row.name), at) for row in present.rows(provider)]
        names = {row.name for row in present.rows(provider)}
        concerns += [_appeared(provider, row, at) for name, row in known.items() if name not in names]
    return [concern for concern in concerns if concern is not None]


def _compared(provider: str, old: Row, new: Row | None, at: datetime) -> Concern | None:
    before, after = _both(old, at), _both(new, at) if new else (None, None)
    if new is None:
        return Concern(Doubt.GONE, provider, old.name, before, after)
    pairs = [(was, now) for was, now in zip(before, after, strict=True) if was]
    if any(not now for _, now in pairs):
        return Concern(Doubt.FREE, provider, old.name, before, after)
    if any(now is not None and now * 2 < was for was, now in pairs):
        return Concern(Doubt.DROPPED, provider, old.name, before, after)
    return None


def _appeared(provider: str, new: Row, at: datetime) -> Concern | None:
    """A model that is new and free, unless its name says so."""
    after = _both(new, at)
    is_free = all(price == 0 for price in after)
    return Concern(Doubt.FREE, provider, new.name, (None, None), after) if is_free and "free" not in new.name else None


def _both(row: Row, at: datetime) -> tuple[Decimal | None, ...]:
    rates = row.rates(at)
    return tuple(rates.get(side) for side in _SIDES)
