"""`bursar approvals`: calls that wait at a cap, and their answers."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.core.money import format_call_usd, format_exact_usd, format_usd, parse_usd

if TYPE_CHECKING:
    from app.ledger.approval_store import Approval
    from app.ledger.engine import Ledger

app = typer.Typer(help="See and answer calls that wait at a cap, or in a loop.", no_args_is_help=True)
APPROVAL = typer.Argument("", help="The id as listed; may be left out when one call waits.")


@app.command("list")
def list_approvals(
    answered: bool = typer.Option(False, "--answered", help="The last 50 answers, not those that wait."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show who waits, oldest first."""
    from app.ledger import approval_store

    with places.opened_ledger() as ledger:
        found = approval_store.answered(ledger) if answered else approval_store.waiting(ledger)
    if as_json:
        console.print_json([_as_values(approval) for approval in found])
    elif not found:
        console.say("Nothing was answered yet." if answered else "Nobody waits.")
    else:
        headers = ["Id", "Agent", "Project", "Model", "Up to", "Waits for", "Spent", "Limit", "State", "Asked"]
        console.print_table(headers, [_cells(approval) for approval in found], numbers=(4, 6, 7))


@app.command("approve")
def approve_call(
    approval: str = APPROVAL,
    session: bool = typer.Option(False, "--session", help="All calls of its session, until the cap's window ends."),
) -> None:
    """Let one waiting call go, at most at the amount shown, or its whole session. A loop goes on until it has gone
    round twice as often, with --session for good."""
    from app.ledger.approval_store import approve, approve_session

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, approval)
        answer = approve_session if session else approve
        answer(ledger, chosen.approval_id, by=places.user_name())
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
    from app.ledger.raise_store import raise_by

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, approval)
        until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        raise_by(
            ledger, chosen.cap_id, chosen.window_key, parse_usd(amount), until=until, by=places.user_name()
        )  # fmt: skip
    end = f"until {until.astimezone():%Y-%m-%d %H:%M}" if until else "until its window ends"
    console.say(f"Raised by {format_usd(parse_usd(amount))} {end}: {chosen.cap_name}.")


@app.command("refuse")
def refuse_call(approval: str = APPROVAL) -> None:
    """Refuse one waiting call; its agent is told so. The session of one in a loop is stopped."""
    from app.ledger.approval_store import refuse

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, approval)
        refuse(ledger, chosen.approval_id, by=places.user_name())
    is_stopped = chosen.is_about_loop and chosen.tags.session
    more = f" Its session is stopped, until: bursar resume {chosen.tags.session}" if is_stopped else ""
    console.say(f"Refused: {_who(chosen)}.{more}")


app.command("deny", hidden=True, help="Same as refuse.")(refuse_call)


def _find(ledger: "Ledger", text: str) -> "Approval":
    from app.ledger.approval_store import waiting

    return choose(
        waiting(ledger),
        text,
        lambda approval: (approval.approval_id,),
        kind="waiting call",
        listing="bursar approvals list",
    )


def _who(approval: "Approval") -> str:
    agent = approval.tags.agent or "an agent"
    return f"{agent} in {approval.tags.project}" if approval.tags.project else agent


def _cells(approval: "Approval") -> list[str]:
    return [
        short_id(approval.approval_id),
        approval.tags.agent,
        approval.tags.project,
        approval.model,
        format_call_usd(approval.worst_nano_usd),
        approval.cap_name,
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
