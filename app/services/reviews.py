"""A week's review, read from the ledger."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.windows import Window, span_at
from app.insight.rates import rate_card
from app.insight.review import Review, review
from app.ledger.accounts import account_between
from app.ledger.advice_store import list_advice
from app.ledger.engine import Ledger
from app.ledger.origin_sums import purposes_between
from app.ledger.price_store import use_prices
from app.ledger.tool_store import tool_sums


def monday_of(instant: datetime, local: ZoneInfo) -> date:
    """The Monday of the local week that an instant is in."""
    today = instant.astimezone(local).date()
    return today - timedelta(days=today.weekday())


def week_review(ledger: Ledger, monday: date, local: ZoneInfo) -> Review:
    """The week that begins on this Monday against the week before, by the prices in force in this process. Raises
    LedgerError."""
    noon = datetime(monday.year, monday.month, monday.day, 12, tzinfo=local)
    start, end = _week(noon, local)
    now = account_between(ledger, start, end)
    last = account_between(ledger, *_week(noon - timedelta(days=7), local))
    purposes, tools = purposes_between(ledger, start, end), tool_sums(ledger, start, end)
    said = [one for one in list_advice(ledger) if one.answered_at < end]
    return review(now, last, rate_card((*now.sums, *last.sums), noon), purposes, tools, said)


def read_review(ledger: Ledger, monday: date, local: ZoneInfo) -> Review:
    """The same by the prices of this ledger, put in force first. Raises LedgerError."""
    use_prices(ledger)
    return week_review(ledger, monday, local)


def _week(instant: datetime, local: ZoneInfo) -> tuple[datetime, datetime]:
    span = span_at(Window.WEEK, instant, local)
    assert span.starts_at is not None
    assert span.ends_at is not None
    return span.starts_at, span.ends_at
