"""`bursar review`: a week looked at, and answers to what it suggests."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import typer

from app.cli import console, places
from app.core.advice import AdviceAnswer
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


app = typer.Typer(help="A week looked at: what cost most and why, and what could be saved.")
WEEK = typer.Option("", help="An ISO week like 2026-W47; this one if left out.")
NUMBER = typer.Argument(help="The suggestion's number in the review.")


@app.callback(invoke_without_command=True)
def show_review(
    context: typer.Context,
    week: str = WEEK,
    output_format: Format = typer.Option(Format.TEXT, "--format", help="How to write it down."),
) -> None:
    """Look at a week: tasks, calls, what cost most and why, against the week before."""
    if context.invoked_subcommand is not None:
        return
    from app.insight.report import as_html, as_markdown, as_text
    from app.insight.review_report import review_report
    from app.services.reviews import week_review

    monday, local = _chosen(week)
    with places.opened_history() as ledger:
        found = week_review(ledger, monday, local)
    name = f"{monday:%G-W%V}"
    if output_format is Format.JSON:
        console.print_json({"week": name, **asdict(found)})
        return
    writers = {Format.TEXT: as_text, Format.MD: as_markdown, Format.HTML: as_html}
    console.say(writers[output_format](review_report(found, name)).rstrip("\n"))


@app.command("done")
def mark_done(number: int = NUMBER, week: str = WEEK) -> None:
    """A suggestion is done: what it saves is told in each review from then on."""
    told = _answer(number, week, AdviceAnswer.DONE)
    console.say(f"Done: {told}. What it saves is told in the reviews from now on.")


@app.command("decline")
def decline(number: int = NUMBER, week: str = WEEK) -> None:
    """A suggestion is not for you: it is not made again for its project."""
    told = _answer(number, week, AdviceAnswer.DECLINED)
    console.say(f"Not suggested again: {told}. Take it back with: bursar review reopen")


@app.command("reopen")
def reopen(number: int = typer.Argument(0, help="Which answer to take back; without one, they are listed.")) -> None:
    """Show what was answered, or take an answer back."""
    from app.insight.wording import advice_words
    from app.ledger.advice_store import list_advice, take_back_advice

    with places.opened_ledger() as ledger:
        said = list_advice(ledger)
        if number:
            chosen = _numbered(said, number, "answer", "bursar review reopen")
            take_back_advice(ledger, chosen.kind, chosen.project)
            console.say(f"Suggested again where it is worth it: {advice_words(chosen.kind, chosen.project)}.")
            return
    if not said:
        console.say("No suggestion was answered.")
        return
    rows = [
        [str(place), one.answer, advice_words(one.kind, one.project), f"{one.answered_at.astimezone():%Y-%m-%d}"]
        for place, one in enumerate(said, start=1)
    ]
    console.print_table(["No.", "Answer", "Suggestion", "On"], rows)


def _answer(number: int, week: str, answer: AdviceAnswer) -> str:
    from app.insight.wording import advice_words
    from app.ledger.advice_store import answer_advice
    from app.services.reviews import week_review

    monday, local = _chosen(week)
    with places.opened_history() as ledger:
        found = week_review(ledger, monday, local).suggestions
        chosen = _numbered(found, number, "suggestion", "bursar review")
        weekly = chosen.saved_nano_usd
        answer_advice(ledger, chosen.kind, chosen.project, answer, weekly_nano_usd=weekly, by=places.user_name())
    return advice_words(chosen.kind, chosen.project)


def _numbered[T](items: Sequence[T], number: int, kind: str, listing: str) -> T:
    if not 1 <= number <= len(items):
        raise InvalidInput(f"There is no {kind} {number}", f"Name one by its number, as shown by: {listing}")
    return items[number - 1]


def _chosen(week: str) -> tuple[date, ZoneInfo]:
    local = zone(settings_zone(places.read_settings()))
    return chosen_monday(week, datetime.now(UTC), local), local


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
