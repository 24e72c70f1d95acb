"""`bursar approvals`: calls that wait at a cap, and their answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.cli.team_door import opened_team_if_any
from app.core.money import format_call_usd, format_exact_usd, format_usd, parse_usd

if TYPE_CHECKING:
    from app.ledger.approval_store import Approval
    from app.services.question_books import QuestionBook

app = typer.Typer(help="See and answer calls that wait at a cap, or in a loop.", no_args_is_help=True)
APPROVAL = typer.Argument("", help="The id as listed; may be left out when one call waits.")


@app.command("list")
def list_approvals(
    answered: bool = typer.Option(False, "--answered", help="The last 50 answers, not those that wait."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show who waits, oldest first."""
    with _opened_books() as books:
        found = [(one, book.is_team) for book in books for one in (book.answered() if answered else book.waiting())]
    if as_json:
        console.print_json([_as_values(approval) | {"is_team": is_team} for approval, is_team in found])
    elif not found:
        console.say("Nothing was answered yet." if answered else "Nobody waits.")
    else:
        headers = ["Id", "Agent", "Project", "Model", "Up to", "Waits for", "Spent", "Limit", "State", "Asked"]
        rows = [_cells(approval, is_team=is_team) for approval, is_team in found]
        console.print_table(headers, rows, numbers=(4, 6, 7))


@app.command("approve")
def approve_call(
    approval: str = APPROVAL,
    session: bool = typer.Option(False, "--session", help="All calls of its session, until the cap's window ends."),
) -> None:
    """Let one waiting call go, at most at the amount shown, or its whole session. A loop goes on until it has gone
    round twice as often, with --session for good."""
    with _opened_books() as books:
        book, chosen = _find(books, approval)
        book.approve(chosen.approval_id, for_session=session)
    if chosen.is_about_loop:
        console.say(f"Goes on: {_who(chosen)}. {chosen.cap_name}.")
    elif chosen.is_about_clock:
        console.say(f"The clock is right, and all calls go on: {chosen.cap_name}.")
    elif session:
        console.say(f"Approved for this session, past {chosen.cap_name}: {_who(chosen)}.")
    else:
        console.say(f"Approved, up to {format_call_usd(chosen.worst_nano_usd)}: {_who(chosen)}.")


@app.command("raise")
def raise_cap(
    amount: str = typer.Argument(..., help="By how much, in US dollars."),
    approval: str = APPROVAL,
    hours: float = typer.Option(0, "--hours", min=0, help="For how long; without it, until the cap's window ends."),
) -> None:
    """Raise the cap that holds a call back, by an amount, so that the call and others go on."""
    with _opened_books() as books:
        book, chosen = _find(books, approval)
        until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        book.raise_by(chosen, parse_usd(amount), until=until)
    end = f"until {until.astimezone():%Y-%m-%d %H:%M}" if until else "until its window ends"
    console.say(f"Raised by {format_usd(parse_usd(amount))} {end}: {chosen.cap_name}.")


@app.command("refuse")
def refuse_call(approval: str = APPROVAL) -> None:
    """Refuse one waiting call; its agent is told so. The session of one in a loop is stopped."""
    with _opened_books() as books:
        book, chosen = _find(books, approval)
        book.refuse(chosen.approval_id)
    is_stopped = chosen.is_about_loop and chosen.tags.session
    more = f" Its session is stopped, until: bursar resume {chosen.tags.session}" if is_stopped else ""
    console.say(f"Refused: {_who(chosen)}.{more}")


app.command("deny", hidden=True, help="Same as refuse.")(refuse_call)


@contextmanager
def _opened_books() -> "Iterator[list[QuestionBook]]":
    """The calls that wait here, and those of the team that was joined, where that can be reached."""
    from app.services.question_books import OwnQuestions, TeamQuestions

    with places.opened_ledger() as ledger, opened_team_if_any() as team:
        shared: list[QuestionBook] = [TeamQuestions(team)] if team is not None else []
        yield [OwnQuestions(ledger, places.user_name()), *shared]


def _find(books: "list[QuestionBook]", text: str) -> "tuple[QuestionBook, Approval]":
    return choose(
        [(book, one) for book in books for one in book.waiting()],
        text,
        lambda found: (found[1].approval_id,),
        kind="waiting call",
        listing="bursar approvals list",
    )


def _who(approval: "Approval") -> str:
    agent = approval.tags.agent or "an agent"
    return f"{agent} in {approval.tags.project}" if approval.tags.project else agent


def _cells(approval: "Approval", *, is_team: bool) -> list[str]:
    return [
        short_id(approval.approval_id),
        approval.tags.agent,
        approval.tags.project,
        approval.model,
        format_call_usd(approval.worst_nano_usd),
        f"{approval.cap_name} (team)" if is_team else approval.cap_name,
        format_usd(approval.spent_nano_usd),
        format_usd(approval.limit_nano_usd) if approval.is_about_cap else "",
        approval.state,
        f"{approval.asked_at.astimezone():%H:%M:%S}",
    ]


def _as_values(approval: "Approval") -> dict[str, Any]:
    worst, is_loop, is_cap = approval.worst_nano_usd, approval.is_about_loop, approval.is_about_cap
    return {
        "id": approval.approval_id,
        "call_id": approval.call_id,
        "agent": approval.tags.agent,
        "project": approval.tags.project,
        "user": approval.tags.user,
        "task": approval.tags.task,
        "session": approval.tags.session,
        "provider": approval.provider,
        "model": approval.model,
        "worst_usd": None if worst is None else format_exact_usd(worst),
        "about": "cap" if is_cap else "loop" if is_loop else "clock",
        "cap": approval.cap_name if is_cap else None,
        "cap_id": approval.cap_id if is_cap else None,
        "window_key": approval.window_key if is_cap else None,
        "loop": approval.cap_name if is_loop else None,
        "loop_id": approval.window_key if is_loop else None,
        "clock": approval.cap_name if approval.is_about_clock else None,
        "spent_usd": format_exact_usd(approval.spent_nano_usd),
        "limit_usd": format_exact_usd(approval.limit_nano_usd) if is_cap else None,
        "state": approval.state,
        "asked_at": _instant(approval.asked_at),
        "expires_at": _instant(approval.expires_at),
        "answered_at": _instant(approval.answered_at),
        "answered_by": approval.answered_by,
    }


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
