"""Which providers have a key in the vault. Never a key."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.ledger.engine import Ledger
from app.ledger.tables import provider_keys


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """That a provider's key lies in the vault."""

    provider: str
    added_at: datetime


def list_provider_keys(ledger: Ledger) -> list[ProviderKey]:
    """Which providers have a key in the vault."""
    with ledger.read() as connection:
        return [
            ProviderKey(row.provider, row.added_at)
            for row in connection.execute(select(provider_keys).order_by(provider_keys.c.provider))
        ]


def note_provider_key(ledger: Ledger, provider: str, at: datetime) -> None:
    """Note that a provider's key was put into the vault, or replaced: the meter reads it again."""
    noted = upsert(provider_keys).values(provider=provider, added_at=at)
    with ledger.write() as connection:
        connection.execute(noted.on_conflict_do_update(index_elements=["provider"], set_={"added_at": at}))


def forget_provider_key(ledger: Ledger, provider: str) -> None:
    """Note that a provider's key was taken out of the vault."""
    with ledger.write() as connection:
        connection.execute(delete(provider_keys).where(provider_keys.c.provider == provider))
