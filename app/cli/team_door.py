"""Entering the ledger of the team that this laptop has joined, for commands."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from app.cli import console, places
from app.core.errors import LedgerError, VaultError

if TYPE_CHECKING:
    from app.ledger.team.ledger import TeamLedger


@contextmanager
def opened_team() -> "Iterator[TeamLedger]":
    """The ledger of the team that this laptop has joined. Raises InvalidInput, LedgerError, VaultError."""
    from app.keys.vault import KeyringVault
    from app.services.team import opened_team

    with opened_team(places.read_settings(), KeyringVault()) as team:
        yield team


@contextmanager
def opened_team_if_any() -> "Iterator[TeamLedger | None]":
    """The same, or None where none was joined or it cannot be reached, which is told."""
    with ExitStack() as stack:
        team = None
        if places.read_settings().team_url:
            try:
                team = stack.enter_context(opened_team())
            except (LedgerError, VaultError) as error:
                console.tell(f"Without your team's. {error.title}. {error.message}")
        yield team
