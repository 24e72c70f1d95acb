"""Rows about virtual keys."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.ledger.tables import PayerColumns, instant, table_of


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


virtual_keys = table_of(VirtualKeyRow)
