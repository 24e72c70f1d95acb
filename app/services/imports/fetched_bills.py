"""What providers say a day cost, asked of them with a key that may read an organisation's bills.

Anthropic's cost report (amounts in cents, as decimal text), OpenAI's organisation costs (dollars, as numbers) and
OpenRouter's activity (dollars, of the last thirty whole days), each by UTC day, as their API references describe them;
the first two in pages. Such a key is asked for each time and kept nowhere.
"""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import SplitResult, urlencode

from app.core.errors import FetchError, InvalidInput
from app.core.history import BilledAmount, BillSource
from app.core.money import MAX_NANO_USD, nano_from_decimal
from app.core.providers import provider_named
from app.core.tags import clean_name
from app.ledger.bill_store import replace_days
from app.ledger.engine import Ledger
from app.services.imports.provider_bills import Bill
from app.services.provider_door import MORE_HEADERS, connection_to, provider_place

TIME_LIMIT_S = 30.0
MAX_PAGE_BYTES = 8_000_000
MAX_PAGES = 200
MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class _Report:
    """Where a provider tells its costs: the query for a span of days, and the amounts of a page (None: unreadable)."""

    path: str
    query: Callable[[datetime, datetime], dict[str, str]]
    amounts: Callable[[dict[str, Any]], Iterator[BilledAmount | None]]


def fetch_bill(
    ledger: Ledger, source: BillSource, key: str, days: int, upstreams: Mapping[str, str], now: datetime
) -> Bill:
    """Ask for the last `days` days and keep what is told. `upstreams` are those of the settings.

    Raises InvalidInput for a key or a number of days that cannot be, FetchError for no or an unreadable answer, and
    LedgerError. Nothing is kept unless all of it was read.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput("Not a number of days", f"Ask for 1 to {MAX_DAYS} days.")
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    amounts, broken = [], 0
    for page in _pages(source, key, upstreams, _REPORTS[source].query(today - timedelta(days=days - 1), now)):
        for amount in _read(source, page):
            if amount is None:
                broken += 1
            else:
                amounts.append(amount)
    if amounts:
        replace_days(ledger, source, amounts)
    return Bill(len({amount.day for amount in amounts}), len(amounts), broken)


def _read(source: BillSource, page: dict[str, Any]) -> list[BilledAmount | None]:
    try:
        return list(_REPORTS[source].amounts(page))
    except (AttributeError, KeyError, TypeError):
        raise FetchError("The costs cannot be read", f"{source} answered with something else than its costs.") from None


def _pages(
    source: BillSource, key: str, upstreams: Mapping[str, str], query: dict[str, str]
) -> Iterator[dict[str, Any]]:
    provider = provider_named(source)
    place = None if provider is None else provider_place(provider, upstreams)
    if provider is None or place is None:
        raise InvalidInput("No such provider", f"Bursar does not know where {source} tells its costs.")
    headers = dict([provider.with_key(key)]) | MORE_HEADERS.get(source, {}) | {"user-agent": "bursar"}
    path = place.path.rstrip("/") + _REPORTS[source].path
    for _ in range(MAX_PAGES):
        page = _page(source, place, f"{path}?{urlencode(query)}" if query else path, headers)
        yield page
        if not page.get("has_more") or not isinstance(page.get("next_page"), str):
            return
        query = query | {"page": page["next_page"]}
    raise FetchError("The costs cannot be read", f"{source} has no end of pages. Ask for fewer days.")


def _page(source: BillSource, place: SplitResult, path: str, headers: dict[str, str]) -> dict[str, Any]:
    connection = connection_to(place, TIME_LIMIT_S)
    try:
        connection.request("GET", path, headers=headers | {"accept-encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read(MAX_PAGE_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError("The costs cannot be fetched", f"{source}: {type(error).__name__}. Try again later.") from None
    finally:
        connection.close()
    if answer.status in (401, 403):
        raise InvalidInput(
            "This key may not read costs",
            f"{source} wants a key made for an organisation's administration, not one that agents use.",
        )
    if answer.status != http.HTTPStatus.OK:
        raise FetchError("The costs cannot be fetched", f"{source} answered with status {answer.status}.")
    try:
        page = json.loads(body, parse_float=Decimal) if len(body) <= MAX_PAGE_BYTES else None
    except ValueError:
        page = None
    if not isinstance(page, dict):
        raise FetchError("The costs cannot be read", f"{source} answered with something else than its costs.")
    return page


def _anthropic(page: dict[str, Any]) -> Iterator[BilledAmount | None]:
    for bucket in page["data"]:
        day = bucket["starting_at"]
        for row in bucket["results"]:
            item = row.get("description") or row.get("model") or row.get("cost_type")
            yield _amount(BillSource.ANTHROPIC, day, item, row["amount"], row.get("currency"), cents=True)


def _openai(page: dict[str, Any]) -> Iterator[BilledAmount | None]:
    for bucket in page["data"]:
        day = datetime.fromtimestamp(int(bucket["start_time"]), UTC).isoformat()
        for row in bucket["results"]:
            amount = row["amount"]
            yield _amount(BillSource.OPENAI, day, row.get("line_item"), amount["value"], amount.get("currency"))


def _openrouter(page: dict[str, Any]) -> Iterator[BilledAmount | None]:
    for row in page["data"]:
        yield _amount(BillSource.OPENROUTER, row["date"], row.get("model_permaslug") or row.get("model"), row["usage"])


def _amount(
    source: BillSource, day: str, item: object, told: object, currency: object = None, *, cents: bool = False
) -> BilledAmount | None:
    """One amount; None for one that cannot be read, or is not in dollars."""
    if str(currency or "usd").lower() != "usd":
        return None
    try:
        usd = Decimal(str(told)) / (100 if cents else 1)
        nano = nano_from_decimal(usd) if usd.is_finite() else MAX_NANO_USD
        at = date.fromisoformat(day[:10])
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        return None
    return None if abs(nano) >= MAX_NANO_USD else BilledAmount(source, at, clean_name(str(item or "")), nano)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


_REPORTS = {
    BillSource.ANTHROPIC: _Report(
        "/v1/organizations/cost_report",
        lambda start, end: {
            "starting_at": _instant(start), "ending_at": _instant(end), "bucket_width": "1d",
            "group_by[]": "description", "limit": "31",
        },
        _anthropic,
    ),
    BillSource.OPENAI: _Report(
        "/v1/organization/costs",
        lambda start, end: {
            "start_time": str(int(start.timestamp())), "end_time": str(int(end.timestamp())), "bucket_width": "1d",
            "group_by": "line_item", "limit": "180",
        },
        _openai,
    ),
    BillSource.OPENROUTER: _Report("/api/v1/activity", lambda start, end: {}, _openrouter),
}  # fmt: skip
