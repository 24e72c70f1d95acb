"""`bursar team leases` and `settle-lost`: what laptops hold of a team's caps, and ending what a lost one holds."""

from datetime import UTC, datetime, timedelta

import typer

from app.cli import console
from app.cli.choosing import choose, short_id
from app.cli.team_door import opened_team
from app.core.caps import cap_name
from app.core.errors import InvalidInput
from app.core.money import format_usd
from app.core.team import HeldCalls, Lease

LOST_AFTER = timedelta(minutes=15)
"""Longer than nearly all calls take: a laptop that asked for one since then may well be at work."""


def list_leases(
    end: str = typer.Option("", "--end", help="End the lease with this id; what is left of it is charged in full."),
) -> None:
    """Show what laptops have in advance, and what their calls on their way hold; a lead sees all. A lease of a laptop
    that never comes back keeps its money from the others until a lead ends it: since it may have been spent, it is then
    charged in full. Its calls are ended with settle-lost."""
    with opened_team() as team:
        leases = team.all_leases()
        if end:
            chosen = choose(leases, end, lambda one: (one.lease_id,), kind="lease", listing="bursar team leases")
            team.end_lease(chosen.lease_id)
            console.say(f"Ended, and charged in full: {format_usd(chosen.amount_nano_usd)} of {chosen.member}.")
            return
        names, held = {cap.cap_id: cap_name(cap) for cap in team.caps()}, team.held()
    if leases:
        rows = [_lease_cells(one, names.get(one.cap_id, "a removed cap")) for one in leases]
        console.print_table(["Id", "Member", "Cap", "Window", "Left", "Since"], rows, numbers=(4,))
    else:
        console.say("Nobody has anything in advance.")
    if held:
        console.say("")
        console.say("Calls on their way:")
        headers = ["Laptop", "Member", "Calls", "Held", "Since", "Last"]
        console.print_table(headers, [_held_cells(one) for one in held], numbers=(2, 3))


def settle_lost(
    member: str = typer.Argument(help="Whose laptop it is."),
    laptop: str = typer.Argument("", help="Its id; may be left out where only one of them holds anything."),
    force: bool = typer.Option(False, "--force", help="Although it asked for money a moment ago."),
) -> None:
    """End the calls of a laptop that does not come back. Each is charged at the most it can have cost, since it may
    have been answered. A lead can do so for anybody, a member for the own laptops."""
    with opened_team() as team:
        theirs = [one for one in team.held() if one.member == member]
        listing = "bursar team leases"
        chosen = choose(theirs, laptop, lambda one: (one.instance_id,), kind="laptop with calls", listing=listing)
        if datetime.now(UTC) - chosen.last_at < LOST_AFTER and not force:
            raise InvalidInput(
                "This laptop is not lost",
                f"It asked for a call at {_time(chosen.last_at)}. If it is gone for good, add --force: "
                "its calls are then charged at the most they can have cost.",
            )
        number = team.abandon(chosen.instance_id, member)
    calls = "1 call" if number == 1 else f"{number:,} calls"
    console.say(f"{calls} of {member} ended, and charged at the most: they held {format_usd(chosen.held_nano_usd)}.")


def _lease_cells(lease: Lease, cap: str) -> list[str]:
    since = _time(lease.taken_at) if lease.taken_at else ""
    left = format_usd(lease.amount_nano_usd)
    return [short_id(lease.lease_id), lease.member, cap, lease.window_key, left, since]


def _held_cells(held: HeldCalls) -> list[str]:
    amounts = f"{held.calls:,}", format_usd(held.held_nano_usd)
    return [short_id(held.instance_id), held.member, *amounts, _time(held.since), _time(held.last_at)]


def _time(instant: datetime) -> str:
    return f"{instant.astimezone():%Y-%m-%d %H:%M}"
