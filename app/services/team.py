"""This laptop's place in a team: joining it, leaving it, and reaching its ledger for what a person reads or answers.

The address is kept in the settings, the password in the keyring and nowhere else. The meter is told by its settings, so
one that runs is replaced by another when the place changes.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import InvalidInput, MeterError
from app.core.money import parse_usd
from app.core.team import Role, TeamPlace, parse_team_url
from app.keys.team_password import TEAM_ENTRY
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.ledger.lease_book import leave_team
from app.ledger.team_outbox import count_untold
from app.services import keeper
from app.services.meter import renewed_command
from app.services.settings import Settings, change_settings, load_settings

if TYPE_CHECKING:
    from app.ledger.team.ledger import TeamLedger

NOWHERE = {"team_url": "", "team_name": "", "team_lease": "", "team_certificate": ""}


@dataclass(frozen=True, slots=True)
class Seat:
    """Who somebody is in the team that this laptop has joined."""

    team: str
    member: str
    role: Role
    place: TeamPlace


def join_team(
    file: Path, vault: Vault, url: str, password: str, *, lease: str = "", certificate: Path | None = None,
    is_password_kept: bool = False,
) -> Seat:  # fmt: skip
    """Take the place that a lead's invitation names. The password of the invitation is good for once: another one,
    which nobody has seen, takes its place, unless `is_password_kept`. Raises InvalidInput, LedgerError, VaultError."""
    from app.ledger.team.ledger import open_team

    settings = load_settings(file)
    place, spoken = parse_team_url(url)
    if settings.team_url and settings.team_url != place.url:
        raise InvalidInput("This laptop is in a team already", f"It is {settings.team_name}. First: bursar team leave")
    if lease:
        parse_usd(lease)
    given = password.strip() or spoken
    team = open_team(place.url, given, root_certificate=certificate)
    try:
        if team.role is Role.VIEWER:
            raise InvalidInput("A viewer spends nothing", "Ask a lead for an invitation as a member.")
        if given:
            vault.set(TEAM_ENTRY, given)
            if not is_password_kept:
                vault.set(TEAM_ENTRY, team.change_password())
        chosen = str(certificate.resolve()) if certificate else ""
        change_settings(file, team_url=place.url, team_name=team.team, team_lease=lease, team_certificate=chosen)
        return Seat(team.team, team.member, team.role, place)
    finally:
        team.close()


def leave(file: Path, vault: Vault, ledger: Ledger, *, is_forced: bool = False) -> str:
    """Give the place up: caps of the team count here no more, and its password is forgotten. Returns the team's name.
    Raises InvalidInput while the team was not told of all calls, unless `is_forced`; LedgerError, VaultError."""
    settings = load_settings(file)
    require_team(settings)
    left = count_untold(ledger)
    if left and not is_forced:
        raise InvalidInput(
            "The team does not know of all your calls yet",
            f"{left} wait to be told. Leave when the meter has told them, or with --force, and they are never counted.",
        )
    vault.delete(TEAM_ENTRY)
    change_settings(file, **NOWHERE)
    renew_meters(file, ledger.path)
    with ledger.write() as connection:
        leave_team(connection)
    return settings.team_name


def set_lease(file: Path, lease: str) -> None:
    """Choose what is asked for in advance of each cap of the team, in dollars; empty for nothing. Raises
    InvalidInput."""
    require_team(load_settings(file))
    change_settings(file, team_lease=lease)


def renew_meters(file: Path, ledger_path: Path) -> int:
    """Have the meters that run replaced by others, which know the settings as they are now; no call is lost. Returns
    how many. Raises InvalidInput."""
    settings = load_settings(file)
    kept = keeper.keepers_of(ledger_path)
    for one in kept:
        with contextlib.suppress(MeterError):  # it ended meanwhile
            keeper.renew_meter(one, renewed_command(one, settings, ledger_path))
    return len(kept)


def require_team(settings: Settings) -> None:
    """Raises InvalidInput where no team was joined."""
    if not settings.team_url:
        raise InvalidInput(
            "This laptop is in no team", "Join one with the address that its lead sent: bursar team join"
        )


@contextmanager
def opened_team(settings: Settings, vault: Vault, *, listens: bool = False) -> "Iterator[TeamLedger]":
    """The ledger of the team that was joined, closed at the end. Blocks. Raises InvalidInput where none was,
    LedgerError, VaultError."""
    from app.ledger.team.ledger import open_team  # loads the driver, which nobody else needs

    require_team(settings)
    certificate = Path(settings.team_certificate) if settings.team_certificate else None
    team = open_team(settings.team_url, vault.get(TEAM_ENTRY), root_certificate=certificate, listens=listens)
    try:
        yield team
    finally:
        team.close()


def seat_of(team: "TeamLedger") -> Seat:
    """Who logged in."""
    return Seat(team.team, team.member, team.role, replace(team.place, name=team.team))
