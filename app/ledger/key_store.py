"""Virtual keys. Only their fingerprints are kept."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from app.core.errors import InvalidInput, KeyRejected
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.rows import payer_columns, tags_of
from app.ledger.tables import calls, virtual_keys


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A key that an agent holds. `tags` carry its own id as `virtual_key_id`. `spent_nano_usd`: all it ever cost."""

    key_id: str
    name: str
    prefix: str
    tags: Tags
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    spent_nano_usd: int


def add_key(
    ledger: Ledger, *, name: str, prefix: str, fingerprint: str, tags: Tags, expires_at: datetime | None
) -> VirtualKey:
    """Note a newly minted key. Raises InvalidInput when a live key has that name."""
    key_id, now = new_id(), datetime.now(UTC)
    with ledger.write() as connection:
        same = select(virtual_keys.c.key_id).where(virtual_keys.c.name == name, virtual_keys.c.revoked_at.is_(None))
        if not name.strip():
            raise InvalidInput("A key needs a name", "Name it after the agent or the project that will hold it.")
        if connection.execute(same).first():
            raise InvalidInput("A key of that name exists", f"Revoke “{name}” first, or choose another name.")
        connection.execute(
            insert(virtual_keys).values(
                key_id=key_id,
                name=name,
                prefix=prefix,
                fingerprint=fingerprint,
                created_at=now,
                expires_at=expires_at,
                **(payer_columns(tags) | {"virtual_key_id": key_id}),
            )
        )
    return next(key for key in list_keys(ledger) if key.key_id == key_id)


def payer_of(connection: Connection, fingerprint: str, now: datetime) -> Tags:
    """Whom a key's calls are charged to. Raises KeyRejected for an unknown, expired or revoked key."""
    row = (
        connection.execute(select(virtual_keys).where(virtual_keys.c.fingerprint == fingerprint))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise KeyRejected("Unknown key", "Bursar does not know this virtual key. Issue one with: bursar keys issue")
    if row["revoked_at"] is not None:
        raise KeyRejected("Key revoked", f"The virtual key “{row['name']}” was revoked. Ask its owner for another.")
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise KeyRejected("Key expired", f"The virtual key “{row['name']}” has expired. Ask its owner for another.")
    return tags_of(row)


def list_keys(ledger: Ledger, include_revoked: bool = False) -> list[VirtualKey]:
    """The keys in force, newest first, with last use and spend; all of them when asked."""
    use = (
        select(calls.c.virtual_key_id, func.max(calls.c.started_at), func.sum(calls.c.cost_nano_usd))
        .where(calls.c.virtual_key_id != "")
        .group_by(calls.c.virtual_key_id)
    )
    wanted = select(virtual_keys).order_by(virtual_keys.c.created_at.desc())
    if not include_revoked:
        wanted = wanted.where(virtual_keys.c.revoked_at.is_(None))
    with ledger.read() as connection:
        used = {key_id: (last, spent or 0) for key_id, last, spent in connection.execute(use)}
        rows = connection.execute(wanted).mappings().all()
    return [_key_of(row, *used.get(row["key_id"], (None, 0))) for row in rows]


def revoke_key(ledger: Ledger, key_id: str) -> None:
    """End a key. The meter refuses its very next call. Raises InvalidInput for one that is not in force."""
    live = (virtual_keys.c.key_id == key_id, virtual_keys.c.revoked_at.is_(None))
    with ledger.write() as connection:
        if connection.execute(update(virtual_keys).where(*live).values(revoked_at=datetime.now(UTC))).rowcount == 0:
            raise InvalidInput("No such key", "It was revoked already. See: bursar keys list")


def find_key(ledger: Ledger, text: str) -> VirtualKey:
    """The key in force of that id, name or prefix. Raises InvalidInput for none or several."""
    found = [key for key in list_keys(ledger) if text in (key.key_id, key.name, key.prefix)]
    if len(found) == 1:
        return found[0]
    title = "Several keys match" if found else "No such key"
    raise InvalidInput(title, f"“{text[:60]}” must name one key. See: bursar keys list")


def _key_of(row: Any, last_used_at: datetime | None, spent_nano_usd: int) -> VirtualKey:
    return VirtualKey(
        key_id=row["key_id"],
        name=row["name"],
        prefix=row["prefix"],
        tags=tags_of(row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=last_used_at,
        spent_nano_usd=spent_nano_usd,
    )
