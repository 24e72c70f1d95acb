"""The rows about keys: the virtual ones, and the providers' own."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Index, func, select, text, type_coerce
from sqlmodel import Field, SQLModel

from app.ledger.tables import PayerColumns, instant, table_of

_DAY_MICROS = timedelta(days=1) // timedelta(microseconds=1)


class VirtualKeyRow(PayerColumns, table=True):
    """A key that agents hold. Only fingerprints are kept; `prefix` is what a person recognises it by.

    `providers` and `models` are parted by commas, empty for all. `old_fingerprint` is that of the token before the last
    rotation, which is good until `old_until`; null: not any more.
    """

    __tablename__ = "virtual_keys"
    __table_args__ = (Index("virtual_keys_by_old", "old_fingerprint"),)
    key_id: str = Field(primary_key=True)
    name: str
    prefix: str
    fingerprint: str = Field(unique=True)
    created_at: datetime = instant()
    expires_at: datetime | None = instant(nullable=True)
    revoked_at: datetime | None = instant(nullable=True)
    providers: str = ""
    models: str = ""
    rotated_at: datetime | None = instant(nullable=True)
    old_fingerprint: str = ""
    old_until: datetime | None = instant(nullable=True)


class ProviderKeyRow(SQLModel, table=True):
    """That a provider's key lies in the vault, and since when. Never the key."""

    __tablename__ = "provider_keys"
    __table_args__ = (Index("provider_keys_default", "provider", unique=True, sqlite_where=text("is_default")),)
    provider: str = Field(primary_key=True)
    label: str = Field(primary_key=True)
    added_at: datetime = instant()
    is_default: bool
    trial: str
    tested_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)


class ProjectKeyRow(SQLModel, table=True):
    """Which of a provider's keys a project's calls use, where that is not the default."""

    __tablename__ = "project_keys"
    project: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    label: str


virtual_keys = table_of(VirtualKeyRow)
provider_keys = table_of(ProviderKeyRow)
project_keys = table_of(ProjectKeyRow)


def may_be_of_key(started_at: Any, key_id: Any) -> Any:
    """The condition that a call began after its key was made, or no more than a day before: a clock may be set back.
    Calls of no key may have begun at any time. The index on times then finds a key's calls."""
    made_at = select(type_coerce(virtual_keys.c.created_at, BigInteger)).where(virtual_keys.c.key_id == key_id)
    return type_coerce(started_at, BigInteger) >= func.coalesce(made_at.scalar_subquery() - _DAY_MICROS, 0)
