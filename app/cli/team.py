"""`bursar team`: one ledger for several laptops, whose caps count what all of them spend."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.team_door import opened_team
from app.cli.team_leases import list_leases, settle_lost
from app.core.caps import cap_name
from app.core.errors import LedgerError
from app.core.money import format_exact_usd, format_usd
from app.core.team import Role

if TYPE_CHECKING:
    from app.ledger.cap_store import CapStatus
    from app.ledger.team.administration import Administration, Invitation

app = typer.Typer(help="Share caps with a team: one ledger for several laptops.", no_args_is_help=True)
ADMIN = typer.Argument(help="The database with its administrator: postgresql+psycopg://admin@host/database")
CERTIFICATE = typer.Option(
    None, "--certificate", exists=True, dir_okay=False, help="Who vouches for the server; the system's if left out."
)
NAME = typer.Argument(help="The member's name: small letters, digits, - and _.")


@app.command("init")
def make_team(
    url: str = ADMIN,
    name: str = typer.Option(..., "--name", help="What the team is called; its calls are labelled so."),
    lead: str = typer.Option(..., "--lead", help="Who sets its caps: your own name as a member."),
    certificate: Path | None = CERTIFICATE,
) -> None:
    """Make a team's ledger in an empty PostgreSQL database, with its first lead. The administrator's password is asked
    for unseen, or read from standard input, and not kept."""
    from app.ledger.team.administration import create_team

    _say_invitation(create_team(_administration(url, certificate), name, lead=lead), lead, Role.LEAD)


@app.command("invite")
def invite(
    url: str = ADMIN,
    name: str = NAME,
    role: Role = typer.Option(Role.MEMBER, help="A lead sets caps and answers; a viewer only looks."),
    certificate: Path | None = CERTIFICATE,
) -> None:
    """Let somebody in, or give a member another role and another password."""
    from app.ledger.team.administration import add_member

    _say_invitation(add_member(_administration(url, certificate), name, role), name, role)


@app.command("dismiss")
def dismiss(url: str = ADMIN, name: str = NAME, certificate: Path | None = CERTIFICATE) -> None:
    """Close a member's login at once. What they spent stays."""
    from app.ledger.team.administration import end_member

    end_member(_administration(url, certificate), name)
    console.say(f"{name} cannot reach the team's ledger any more. What their laptop has in advance: bursar team leases")


@app.command("upgrade")
def upgrade(url: str = ADMIN, certificate: Path | None = CERTIFICATE) -> None:
    """Bring a team's ledger to the version of this Bursar. Laptops with an older one must be updated then."""
    from app.ledger.team.administration import upgrade_team

    upgrade_team(_administration(url, certificate))
    console.say("The team's ledger is of this Bursar's version.")


@app.command("join")
def join(
    url: str = typer.Argument(help="The address that a lead sent."),
    certificate: Path | None = CERTIFICATE,
    lease: str = typer.Option("", "--lease", help="Dollars to have in advance of each cap, for when it is offline."),
    keep_password: bool = typer.Option(
        False, "--keep-password", help="Do not change it, for a member with several machines."
    ),
) -> None:
    """Take your place in a team. The password is asked for unseen, or read from standard input; it goes into the
    keyring, after another one that nobody knows took its place."""
    from app.keys.vault import KeyringVault
    from app.services.team import join_team, renew_meters

    file, vault = places.settings_file(), KeyringVault()
    vault.look()
    password = console.read_secret("Password of the invitation")
    seat = join_team(
        file, vault, url, password, lease=lease, certificate=certificate, is_password_kept=keep_password
    )  # fmt: skip
    console.say(f"You are {_a_role(seat.role)} of {seat.team}. Its caps count what this laptop spends from now on.")
    if renew_meters(file, places.ledger_file().resolve()):
        console.say("The meter that runs is replaced by one that knows.")


@app.command("leave")
def leave_team(
    force: bool = typer.Option(False, "--force", help="Although the team was not told of all calls.")
) -> None:  # fmt: skip
    """Give your place up: the team's caps count here no more."""
    from app.keys.vault import KeyringVault
    from app.services.team import leave

    with places.opened_ledger() as ledger:
        name = leave(places.settings_file(), KeyringVault(), ledger, is_forced=force)
    console.say(f"This laptop has left {name}.")


@app.command("lease")
def choose_lease(
    amount: str = typer.Argument("", help="Dollars to have in advance of each cap; nothing if left out.")
) -> None:  # fmt: skip
    """Choose how much this laptop may spend under each of the team's caps while the team cannot be reached."""
    from app.services.team import renew_meters, set_lease

    set_lease(places.settings_file(), amount)
    renew_meters(places.settings_file(), places.ledger_file().resolve())
    console.say(f"${amount.lstrip('$')} of each cap is had in advance." if amount else "Nothing is had in advance.")


@app.command("status")
def show_status(as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show your place in the team, whether it can be reached, what it was not told yet, and its caps. Status 1 while it
    cannot be reached."""
    from app.ledger.team_outbox import count_untold
    from app.services.cap_books import TeamCaps
    from app.services.team import require_team

    settings = places.read_settings()
    require_team(settings)
    with places.opened_ledger() as ledger:
        left = count_untold(ledger)
    values: dict[str, Any] = {"team": settings.team_name, "url": settings.team_url, "untold_calls": left}
    try:
        with opened_team() as team:
            who, statuses = (team.member, team.role), TeamCaps(team).statuses()
    except LedgerError as error:
        _say_away(values, error, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        caps = [_cap_values(status) for status in statuses]
        console.print_json(values | {"member": who[0], "role": who[1], "reachable": True, "caps": caps})
        return
    console.say(f"{settings.team_name}: you are {who[0]}, {_a_role(who[1])}. {settings.team_url}")
    console.say(_untold_words(left))
    if statuses:
        headers = ["Cap", "Spent", "Held", "Limit", "At the limit"]
        console.print_table(headers, [_cells(status) for status in statuses], numbers=(1, 2, 3))


@app.command("members")
def list_members() -> None:
    """Show who belongs, and who did."""
    with opened_team() as team:
        members = team.members()
    rows = [
        [one.name, one.role, f"{one.joined_at:%Y-%m-%d}", f"{one.ended_at:%Y-%m-%d}" if one.ended_at else ""]
        for one in members
    ]
    console.print_table(["Name", "Role", "Joined", "Left"], rows)


app.command("leases")(list_leases)
app.command("settle-lost")(settle_lost)


@app.command("push")
def push_calls() -> None:
    """Copy all calls of this laptop's ledger into the team's. They count in none of its caps: they were spent before.
    Copying again changes nothing."""
    from app.ledger.team.moving import move_calls_in

    with places.opened_ledger() as ledger, opened_team() as team:
        number = move_calls_in(ledger, team)
    console.say(f"{number:,} calls were new to the team.")


@app.command("pull")
def pull_calls() -> None:
    """Copy all your calls of the team's ledger into this laptop's, whose caps are counted anew. Copying again changes
    nothing."""
    from app.ledger.team.moving import move_calls_out

    with places.opened_ledger() as ledger, opened_team() as team:
        number = move_calls_out(team, ledger)
    console.say(f"{number:,} calls were new to this laptop.")


def _administration(url: str, certificate: Path | None) -> "Administration":
    from app.ledger.team.administration import administration

    password = console.read_secret("The administrator's password; empty where none is needed").strip()
    return administration(url, password or None, certificate)


def _say_invitation(invitation: "Invitation", name: str, role: Role) -> None:
    """The password on a line of its own: it goes another way than the address."""
    console.say(f"{name} may join as {role}, with the password below. Send the two by different ways:")
    console.say(f"  bursar team join {invitation.url}")
    console.say(f"  {invitation.password}")


def _say_away(values: dict[str, Any], error: LedgerError, *, as_json: bool) -> None:
    if as_json:
        console.print_json(values | {"reachable": False, "why": f"{error.title}. {error.message}"})
        return
    console.say(f"{values['team']}: {values['url']}")
    console.say(f"{error.title}. {error.message}")
    console.say(_untold_words(values["untold_calls"]))


def _untold_words(left: int) -> str:
    if not left:
        return "The team knows of all calls of this laptop."
    return f"{left} {'call waits' if left == 1 else 'calls wait'} to be told to the team."


def _a_role(role: Role) -> str:
    return f"a {role}"


def _cells(status: "CapStatus") -> list[str]:
    amounts = (status.spent_nano_usd, status.held_nano_usd, status.limit_nano_usd)
    at_limit = "dry run" if status.cap.is_dry_run else status.cap.action
    return [cap_name(status.cap), *map(format_usd, amounts), at_limit]


def _cap_values(status: "CapStatus") -> dict[str, Any]:
    return {
        "id": status.cap.cap_id,
        "name": cap_name(status.cap),
        "window_key": status.window_key,
        "spent_usd": format_exact_usd(status.spent_nano_usd),
        "held_usd": format_exact_usd(status.held_nano_usd),
        "limit_usd": format_exact_usd(status.limit_nano_usd),
        "action": status.cap.action,
    }
