"""`bursar review`: a week looked at."""

import re
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.windows import Window, WindowSpan, span_at, zone
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.insight.review import Review

_WEEK = re.compile(r"(\d{4})-?W(\d{2})", re.IGNORECASE | re.ASCII)


class Format(StrEnum):
    """How a review is written down."""

    TEXT = "text"
    MD = "md"
    HTML = "html"
    JSON = "json"


def show_review(
    week: str = typer.Option("", help="An ISO week like 2026-W47; this one if left out."),
    output_format: Format = typer.Option(Format.TEXT, "--format", help="How to write it down."),
) -> None:
    """Look at a week: tasks, calls, what cost most and why, against the week before."""
    from app.insight.report import as_html, as_markdown, as_text
    from app.insight.review_report import review_report

    local = zone(settings_zone(places.read_settings()))
    monday = chosen_monday(week, datetime.now(UTC), local)
    found = _reviewed(monday, local)
    name = f"{monday:%G-W%V}"
    if output_format is Format.JSON:
        console.print_json({"week": name, **asdict(found)})
        return
    writers = {Format.TEXT: as_text, Format.MD: as_markdown, Format.HTML: as_html}
    console.say(writers[output_format](review_report(found, name)).rstrip("\n"))


def chosen_monday(week: str, now: datetime, local: ZoneInfo) -> date:
    """The Monday of an ISO week, or of the week of `now` when none is named. Raises InvalidInput."""
    if not week:
        today = now.astimezone(local).date()
        return today - timedelta(days=today.weekday())
    named = _WEEK.fullmatch(week.strip())
    try:
        if named is None:
            raise ValueError("no week")
        return date.fromisocalendar(int(named[1]), int(named[2]), 1)
    except ValueError:
        raise InvalidInput("No such week", f"“{week[:20]}” is not a week. Write it like 2026-W47.") from None


def _reviewed(monday: date, local: ZoneInfo) -> "Review":
    from app.insight.rates import rate_card
    from app.insight.review import review
    from app.ledger.accounts import account_between
    from app.ledger.call_sums import call_sums
    from app.ledger.origin_sums import purposes_between

    def noon(days: int) -> datetime:
        return datetime(monday.year, monday.month, monday.day, 12, tzinfo=local) + timedelta(days=days)

    week, last = (span_at(Window.WEEK, noon(days), local) for days in (0, -7))
    with places.opened_history() as ledger:
        now = account_between(ledger, *_ends(week))
        before = call_sums(ledger, *_ends(last))
        purposes = purposes_between(ledger, *_ends(week))
    return review(now, before, rate_card(now.sums, noon(0)), purposes)


def _ends(week: WindowSpan) -> tuple[datetime, datetime]:
    if week.starts_at is None or week.ends_at is None:
        raise ValueError("a week begins and ends")
    return week.starts_at, week.ends_at
