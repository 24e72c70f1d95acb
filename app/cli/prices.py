"""`bursar prices`: what models cost, prices of one's own, and newer price tables."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import typer

from app.cli import console, places, price_words
from app.cli.choosing import choose
from app.core.errors import InvalidInput
from app.core.tags import clean_label
from app.core.windows import zone
from app.pricing.wording import calls_of, terms_of
from app.services.own_prices import parse_factor, parse_rate
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.pricing.overrides import PriceOverride, Rates

app = typer.Typer(help="Show, set and update what models cost.", no_args_is_help=True)


@app.command("show")
def show_price(
    model: str = typer.Argument(help="The model, as it stands in a request."),
    provider: str = typer.Option("", help="Only this provider."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show what a model costs now, at each provider that sells it, and what you set yourself."""
    from app.ledger.price_store import load_book
    from app.pricing.book import use_book

    now = datetime.now(UTC)
    with places.opened_ledger() as ledger:
        book = load_book(ledger)
    use_book(book)
    offers = price_words.offers(book, clean_label(model), provider, now)
    if as_json:
        console.print_json(price_words.as_values(book, clean_label(model), offers, now))
    else:
        price_words.print_offers(book, clean_label(model), provider, offers, now)


@app.command("list")
def list_prices(as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show the prices that you set yourself."""
    from app.ledger.price_store import list_overrides

    with places.opened_ledger() as ledger:
        overrides = list_overrides(ledger)
    if as_json:
        console.print_json([price_words.override_values(one) for one in overrides])
    elif not overrides:
        console.say("You have set no prices. Set one with: bursar prices set MODEL --input 1.25 --output 10")
    else:
        price_words.print_overrides(overrides)


@app.command("set")
def set_price(
    model: str = typer.Argument("*", help="The model; * and ? as in file names."),
    provider: str = typer.Option("*", help="Only calls to this provider."),
    host: str = typer.Option("*", help="Only calls to this host."),
    given: str | None = typer.Option(None, "--input", help="Dollars for a million tokens of input."),
    made: str | None = typer.Option(None, "--output", help="Dollars for a million tokens of output."),
    cache_read: str | None = typer.Option(None, help="For a million tokens read from the cache; as input if left out."),
    cache_write: str | None = typer.Option(None, help="For a million tokens written to the cache."),
    cache_write_1h: str | None = typer.Option(None, help="For a million tokens written for an hour or longer."),
    search: str | None = typer.Option(None, help="For a thousand web searches."),
    factor: str | None = typer.Option(None, help="Times the price in the table, such as 0.85 for 15 % off."),
    free: bool = typer.Option(False, "--free", help="Such calls cost nothing: a server of your own."),
    start: str = typer.Option("", "--from", help="First day it is in effect, like 2026-12-01."),
    until: str = typer.Option("", help="First day it is not any more."),
) -> None:
    """Set a price. It counts before the table, and never over a cost that the provider tells itself."""
    from app.ledger.price_store import add_override

    named = {"input": given, "output": made, "cache_read": cache_read, "cache_write": cache_write}
    named |= {"cache_write_1h": cache_write_1h, "web_search": search}
    rates, times = _terms(named, factor, free)
    if (model, provider, host) == ("*", "*", "*") and factor is None:
        raise InvalidInput("Which calls", "Name a model, a --provider or a --host.")
    _check_provider(provider)
    calls = {"provider": clean_label(provider), "model": clean_label(model), "host": clean_label(host)}
    starts_at, ends_at = _day(start), _day(until)
    with places.opened_ledger() as ledger:
        override = add_override(ledger, **calls, rates=rates, factor=times, starts_at=starts_at, ends_at=ends_at)
    console.say(f"{calls_of(override)}: {terms_of(override)}.")


@app.command("unset")
def unset_price(
    price: str = typer.Argument("", help="The id as listed, or the model; may be left out for one."),
) -> None:
    """Take a price away that you set. Costs that were computed with it stay."""
    from app.ledger.price_store import list_overrides, remove_override

    def names(one: "PriceOverride") -> tuple[str, ...]:
        return one.override_id, one.model, calls_of(one)

    with places.opened_ledger() as ledger:
        overrides = list_overrides(ledger)
        chosen = choose(overrides, price, names, kind="price", listing="bursar prices list")
        remove_override(ledger, chosen.override_id)
    console.say(f"{calls_of(chosen)}: the price is taken away.")


@app.command("update")
def update_prices(
    source: str = typer.Option("", "--from", help="A file or an address; genai-prices' own if left out."),
    yes: bool = typer.Option(False, "--yes", help="Take it even where prices look wrong."),
    undo: bool = typer.Option(False, "--undo", help="Go back to the table before."),
) -> None:
    """Fetch a newer price table, look it over, and put it in force. The last good one is kept."""
    from app.ledger.price_store import load_book, undo_table
    from app.services.price_updates import accept_update, default_source, fetch_update

    now = datetime.now(UTC)
    with places.opened_ledger() as ledger:
        if undo:
            if undo_table(ledger) is None:
                raise InvalidInput("Nothing to undo", "The prices in force are those that ship with Bursar.")
            console.say(f"In force again: {price_words.table_of(load_book(ledger), now)}.")
            return
        update = fetch_update(ledger, source or default_source(), now)
        if update.concerns and not yes:
            price_words.print_concerns(update.concerns)
            raise InvalidInput("These prices need a look", "Nothing was changed. Take them with: --yes")
        accept_update(ledger, update)
    console.say(f"In force: {update.version}, {update.models:,} models. Go back with: bursar prices update --undo")


def _terms(named: dict[str, str | None], factor: str | None, free: bool) -> "tuple[Rates | None, Decimal | None]":
    """Rates or a factor, the other None. Raises InvalidInput unless one kind of price was given, and that whole."""
    from app.pricing.overrides import Rates

    amounts = {name: parse_rate(text) for name, text in named.items() if text is not None}
    if [bool(amounts), factor is not None, free].count(True) != 1:
        raise InvalidInput("Which price", "Give --input and --output, or --factor, or --free.")
    if amounts and not {"input", "output"} <= amounts.keys():
        raise InvalidInput("Half a price", "Give both --input and --output.")
    if amounts:
        return Rates(**amounts), None
    return None, Decimal(0) if free else parse_factor(factor or "")


def _day(text: str) -> datetime | None:
    """The first instant of a day in the person's zone, in UTC; None for no day. Raises InvalidInput."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput("Not a day", f"“{clean_label(text)[:40]}” is not a day. Write it like 2026-12-01.") from None
    return datetime.combine(day, time(), zone(settings_zone(places.read_settings()))).astimezone(UTC)


def _check_provider(provider: str) -> None:
    """Refuse a provider that no call can go to: the price would never count."""
    if "*" in provider or "?" in provider:
        return
    known = price_words.known_providers()
    if provider.lower() not in known:
        raise InvalidInput("No such provider", f"Use one of: {', '.join(known)}.")
