"""`bursar review`: a week looked at."""

import re
from dataclasses import asdict
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.windows import zone
from app.services.settings import settings_zone

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
    from app.services.reviews import week_review

    local = zone(settings_zone(places.read_settings()))
    monday = chosen_monday(week, datetime.now(UTC), local)
    with places.opened_history() as ledger:
        found = week_review(ledger, monday, local)
    name = f"{monday:%G-W%V}"
    if output_format is Format.JSON:
        console.print_json({"week": name, **asdict(found)})
        return
    writers = {Format.TEXT: as_text, Format.MD: as_markdown, Format.HTML: as_html}
    console.say(writers[output_format](review_report(found, name)).rstrip("\n"))


def chosen_monday(week: str, now: datetime, local: ZoneInfo) -> date:
    """The Monday of an ISO week, or of the week of `now` when none is named. Raises InvalidInput."""
    if not week:
        from app.services.reviews import monday_of

        return monday_of(now, local)
    named = _WEEK.fullmatch(week.strip())
    try:
        if named is None:
            raise ValueError("no week")
        return date.fromisocalendar(int(named[1]), int(named[2]), 1)
    except ValueError:
        raise InvalidInput("No such week", f"“{week[:20]}” is not a week. Write it like 2026-W47.") from None
