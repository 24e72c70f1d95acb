"""Prices in words and tables, for `bursar prices`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.cli import console
from app.cli.choosing import short_id
from app.core.money import UNKNOWN
from app.pricing.wording import calls_of, rate_usd, terms_of

if TYPE_CHECKING:
    from app.pricing.book import Book
    from app.pricing.overrides import PriceOverride
    from app.pricing.review import Concern
    from app.pricing.rows import Row

CONCERNS_SHOWN = 20
_CLASSES = {
    "input_tokens": "In",
    "output_tokens": "Out",
    "cache_read_tokens": "Cache read",
    "cache_write_tokens": "Cache write",
    "cache_write_1h_tokens": "For an hour",
    "web_searches": "1,000 searches",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at one provider: its row in the table, and the price that a person set over it."""

    provider: str
    row: "Row | None"
    override: "PriceOverride | None"


def known_providers() -> list[str]:
    """The providers that prices can be set for."""
    from app.core.providers import PROVIDERS

    return sorted(provider.name for provider in PROVIDERS)


def offers(book: "Book", model: str, provider: str, now: datetime) -> list[Offer]:
    """Where a model can be had, at one provider or at all that have it."""
    found = []
    for name in [provider] if provider else known_providers():
        row = book.find_row(name, model)
        override = book.override_for(name, (model,), "", now)
        if row is not None or (provider and override is not None):
            found.append(Offer(name, row, override))
    return found


def print_offers(book: "Book", model: str, provider: str, found: list[Offer], now: datetime) -> None:
    """A table of what a model costs, the age of the prices, and what to do where there is none."""
    from app.pricing.age import stale_notice

    if found:
        headers = ["Provider", "In the table", *_CLASSES.values(), "Dearer from", "Set by you"]
        console.print_table(headers, [_cells(offer, now) for offer in found], numbers=range(2, 2 + len(_CLASSES)))
        console.say("Dollars for a million tokens.")
    else:
        console.say(f"No price is known for {model}. Its calls are shown as unknown, never as $0.")
        _print_siblings(model, provider, now)
        console.say(f"Set one with: bursar prices set {model} --input DOLLARS --output DOLLARS")
    console.say(f"Prices: {table_of(book, now)}.")
    notice = stale_notice(book.table.as_of, now)
    if notice:
        console.tell(notice)


def as_values(book: "Book", model: str, found: list[Offer], now: datetime) -> dict[str, Any]:
    """The same for scripts, amounts exact and as text."""
    from app.pricing.age import age_days

    return {
        "model": model,
        "price_version": book.table.version,
        "as_of": book.table.as_of.date().isoformat() if book.table.as_of else None,
        "age_days": age_days(book.table.as_of, now),
        "offers": [
            {
                "provider": offer.provider,
                "row": offer.row.name if offer.row else None,
                "usd": {name: str(rate) for name, rate in (offer.row.rates(now) if offer.row else {}).items()},
                "tiers_from_tokens": offer.row.tiers(now) if offer.row else [],
                "context_window": offer.row.context_window if offer.row else None,
                "override": override_values(offer.override) if offer.override else None,
            }
            for offer in found
        ],
        "siblings": [{"provider": name, "row": row.name} for name, row in _siblings(model, "", now)]
        if not found
        else [],
    }


def print_overrides(overrides: Sequence["PriceOverride"]) -> None:
    """The prices that a person set."""
    headers = ["Id", "Calls", "Price", "From", "Until"]
    rows = [
        [short_id(one.override_id), calls_of(one), terms_of(one), _day(one.starts_at), _day(one.ends_at)]
        for one in overrides
    ]
    console.print_table(headers, rows)


def override_values(override: "PriceOverride") -> dict[str, Any]:
    """A price that a person set, for scripts."""
    rates = asdict(override.rates) if override.rates else {}
    return {
        "id": override.override_id,
        "provider": override.provider,
        "model": override.model,
        "host": override.host,
        "usd": {name: str(rate) for name, rate in rates.items() if rate is not None},
        "factor": None if override.factor is None else str(override.factor),
        "starts_at": override.starts_at.isoformat() if override.starts_at else None,
        "ends_at": override.ends_at.isoformat() if override.ends_at else None,
    }


def table_of(book: "Book", now: datetime) -> str:
    """Which table is in force and how old it is."""
    from app.pricing.age import age_days

    days = age_days(book.table.as_of, now)
    if days is None or book.table.as_of is None:
        return f"{book.table.version}, of an unknown date"
    return f"{book.table.version}, of {book.table.as_of:%Y-%m-%d} ({days} {'day' if days == 1 else 'days'} old)"


def print_concerns(concerns: Sequence["Concern"]) -> None:
    """What a person should look at before a table is put in force."""
    headers = ["Provider", "Model", "In and out before", "In and out after", "Why"]
    rows = [
        [one.provider, one.model, _both(one.before), _both(one.after), one.doubt] for one in concerns[:CONCERNS_SHOWN]
    ]
    console.print_table(headers, rows)
    if len(concerns) > CONCERNS_SHOWN:
        console.say(f"And {len(concerns) - CONCERNS_SHOWN:,} more.")


def _cells(offer: Offer, now: datetime) -> list[str]:
    rates = offer.row.rates(now) if offer.row else {}
    tiers = ", ".join(f"{tier:,} tokens" for tier in offer.row.tiers(now)) if offer.row else ""
    return [
        offer.provider,
        offer.row.name if offer.row else UNKNOWN,
        *(rate_usd(rates.get(name)) for name in _CLASSES),
        tiers,
        terms_of(offer.override) if offer.override else "",
    ]


def _print_siblings(model: str, provider: str, now: datetime) -> None:
    for name, row in _siblings(model, provider, now):
        rates = row.rates(now)
        prices = f"{rate_usd(rates.get('input_tokens'))} in, {rate_usd(rates.get('output_tokens'))} out"
        console.say(f"The nearest model at {name} is {row.name} ({prices}). Nothing is booked by it.")


def _siblings(model: str, provider: str, now: datetime) -> list[tuple[str, "Row"]]:
    """The nearest models with a price, at the makers whose table has one of that name."""
    from app.pricing.siblings import find_sibling

    found = [(name, find_sibling(name, model)) for name in ([provider] if provider else known_providers())]
    return [(name, row) for name, row in found if row is not None]


def _both(prices: tuple[Decimal | None, ...]) -> str:
    return " / ".join(rate_usd(price) for price in prices)


def _day(instant: datetime | None) -> str:
    return f"{instant.astimezone():%Y-%m-%d}" if instant else ""
