"""Virtual keys. Only the fingerprints of their tokens are kept.

A key has one token, and for a while after a rotation the former one too. What its calls are charged to, what it may be
used for and its cap belong to the key, so all of that outlives a rotation.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from app.core.caps import Cap
from app.core.errors import InvalidInput, KeyRejected
from app.core.key_limits import NO_LIMITS, KeyCap, KeyLimits
from app.core.tags import Billing, Scope, Tags
from app.ledger.cap_store import put_cap_in, read_caps, take_cap_out
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.instants import EPOCH, instant_of
from app.ledger.kept_reads import kept
from app.ledger.key_tables import virtual_keys
from app.ledger.rows import payer_columns, tags_of
from app.ledger.running_sums import RunningSums
from app.ledger.statement import Statement
from app.ledger.sum_questions import Question

_BY_TOKEN = Statement(select(virtual_keys).where(virtual_keys.c.fingerprint == bindparam("of_token")))
_BY_OLD_TOKEN = Statement(select(virtual_keys).where(virtual_keys.c.old_fingerprint == bindparam("of_token")))
_BY_ID = Statement(select(virtual_keys).where(virtual_keys.c.key_id == bindparam("of_key")))
_BY_NAME = Statement(
    select(virtual_keys).where(virtual_keys.c.name == bindparam("of_name"), virtual_keys.c.revoked_at.is_(None))
)

_USE = Question(
    "virtual_key_id",
    ("virtual_key_id", "billing", "cost_nano_usd", "last_at"),
    (
        "max(last_at)",
        f"coalesce(sum(cost_nano_usd) FILTER (WHERE billing = '{Billing.API}'), 0)",
        f"coalesce(sum(cost_nano_usd) FILTER (WHERE billing <> '{Billing.API}'), 0)",
    ),
    (max, add, add),
)
"""When a key was last used, what it spent, and what a subscription paid for."""
_UNUSED = (None, 0, 0)


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A key that an agent holds. `tags` carry its own id as `virtual_key_id`.

    `spent_nano_usd`: all it ever cost; `subscription_nano_usd`: the list price of what subscriptions paid for. The
    token before the last rotation is good until `old_until`.
    """

    key_id: str
    name: str
    prefix: str
    tags: Tags
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    spent_nano_usd: int
    limits: KeyLimits = NO_LIMITS
    subscription_nano_usd: int = 0
    rotated_at: datetime | None = None
    old_until: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether calls with it are let in."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who sent a call, by its key: whom it is charged to, and what that key may be used for."""

    tags: Tags
    limits: KeyLimits


def add_key(
    ledger: Ledger,
    *,
    name: str,
    prefix: str,
    fingerprint: str,
    tags: Tags,
    expires_at: datetime | None,
    limits: KeyLimits = NO_LIMITS,
    cap: KeyCap | None = None,
) -> VirtualKey:
    """Note a newly minted key, and its cap with it. Raises InvalidInput when a live key has that name."""
    key_id, now = new_id(), datetime.now(UTC)
    with ledger.write() as connection:
        _check_name(connection, name)
        connection.execute(
            insert(virtual_keys).values(
                key_id=key_id,
                name=name,
                prefix=prefix,
                fingerprint=fingerprint,
                created_at=now,
                expires_at=expires_at,
                providers=",".join(limits.providers),
                models=",".join(limits.models),
                **(payer_columns(tags) | {"virtual_key_id": key_id}),
            )
        )
        if cap is not None:
            put_cap_in(connection, _cap_of_key(key_id, cap))
    return _key_with_id(ledger, key_id)


def holder_of(connection: Connection, fingerprint: str, now: datetime) -> KeyHolder:
    """Who holds the token of this fingerprint. Raises KeyRejected for one unknown, expired, revoked or replaced."""
    row, is_old = kept(connection, ("token", fingerprint), lambda: _key_by_token(connection, fingerprint))
    if row is None:
        raise KeyRejected("Unknown key", "Bursar does not know this virtual key. Issue one with: bursar keys issue")
    if is_old and (row["old_until"] is None or row["old_until"] <= now):
        raise KeyRejected(
            "Key replaced", f"The virtual key “{row['name']}” was given a new token. Ask its owner for that."
        )
    _check_live(row, now)
    return KeyHolder(tags_of(row), _limits_of(row))


def _key_by_token(connection: Connection, fingerprint: str) -> tuple[dict[str, Any] | None, bool]:
    """The row of the key with this token, None where there is none; and whether that is the token before its own."""
    asked = {"of_token": fingerprint}
    row = _BY_TOKEN.mapping(connection, asked)
    return (row, False) if row is not None else (_BY_OLD_TOKEN.mapping(connection, asked), True)


def check_key(connection: Connection, key_id: str, now: datetime) -> None:
    """Raises KeyRejected for a key that was revoked or has expired, so that no call is admitted after that.

    Calls of no key, or of one that this ledger never had, are not its business.
    """
    if not key_id:
        return
    row = kept(connection, ("key", key_id), lambda: _BY_ID.mapping(connection, {"of_key": key_id}))
    if row is not None:
        _check_live(row, now)


def ended_keys(connection: Connection, key_ids: Collection[str], now: datetime) -> frozenset[str]:
    """Those of these keys that were revoked or have expired."""
    ended = select(virtual_keys.c.key_id).where(virtual_keys.c.key_id.in_(key_ids), ~_is_in_force(now))
    return frozenset(connection.execute(ended).scalars())


def list_keys(ledger: Ledger, include_revoked: bool = False, sums: RunningSums | None = None) -> list[VirtualKey]:
    """The keys in force, newest first, with last use and spend; all of them when asked. `sums` are for whoever asks
    again and again."""
    used = (sums or RunningSums()).answer(ledger, _USE, EPOCH, datetime.now(UTC) + timedelta(days=1))
    wanted = select(virtual_keys).order_by(virtual_keys.c.created_at.desc(), virtual_keys.c.key_id.desc())
    if not include_revoked:
        wanted = wanted.where(virtual_keys.c.revoked_at.is_(None))
    with ledger.read() as connection:
        rows = connection.execute(wanted).mappings().all()
    return [_key_of(row, *used.get(row["key_id"], _UNUSED)) for row in rows]


def replace_token(ledger: Ledger, key_id: str, *, prefix: str, fingerprint: str, grace: timedelta) -> VirtualKey:
    """Give a key another token. The one it had is good for `grace` more, the one before that not at all.

    Raises InvalidInput for a key that is not in force.
    """
    now = datetime.now(UTC)
    with ledger.write() as connection:
        changed = connection.execute(
            update(virtual_keys)
            .where(virtual_keys.c.key_id == key_id, _is_in_force(now))
            .values(
                prefix=prefix,
                fingerprint=fingerprint,
                rotated_at=now,
                old_fingerprint=virtual_keys.c.fingerprint,
                old_until=now + grace if grace else None,
            )
        )
        if changed.rowcount == 0:
            raise InvalidInput("No such key", "It was revoked or has expired. See: bursar keys list --all")
    return _key_with_id(ledger, key_id)


def revoke_key(ledger: Ledger, key_id: str) -> None:
    """End a key, with all its tokens, and take its caps out of force. The meter refuses its very next call.

    Raises InvalidInput for one that is not in force.
    """
    live = (virtual_keys.c.key_id == key_id, virtual_keys.c.revoked_at.is_(None))
    with ledger.write() as connection:
        if connection.execute(update(virtual_keys).where(*live).values(revoked_at=datetime.now(UTC))).rowcount == 0:
            raise InvalidInput("No such key", "It was revoked already. See: bursar keys list")
        for cap in read_caps(connection):
            if cap.scope is Scope.VIRTUAL_KEY and cap.scope_key == key_id:
                take_cap_out(connection, cap.cap_id)


def _check_name(connection: Connection, name: str) -> None:
    if not name.strip():
        raise InvalidInput("A key needs a name", "Name it after the agent or the project that will hold it.")
    if _BY_NAME.first(connection, {"of_name": name}) is not None:
        raise InvalidInput("A key of that name exists", f"Revoke “{name}” first, or choose another name.")


def _check_live(row: Any, now: datetime) -> None:
    if row["revoked_at"] is not None:
        raise KeyRejected("Key revoked", f"The virtual key “{row['name']}” was revoked. Ask its owner for another.")
    if row["expires_at"] is not None and row["expires_at"] <= now:
        raise KeyRejected("Key expired", f"The virtual key “{row['name']}” has expired. Ask its owner for another.")


def _is_in_force(now: datetime) -> ColumnElement[bool]:
    found: ColumnElement[bool] = virtual_keys.c.revoked_at.is_(None) & (
        virtual_keys.c.expires_at.is_(None) | (virtual_keys.c.expires_at > now)
    )
    return found


def _cap_of_key(key_id: str, cap: KeyCap) -> Cap:
    return Cap(
        cap_id=new_id(),
        scope=Scope.VIRTUAL_KEY,
        scope_key=key_id,
        window=cap.window,
        limit_nano_usd=cap.limit_nano_usd,
        action=cap.action,
        time_zone=cap.time_zone,
        week_start=cap.week_start,
    )


def _key_with_id(ledger: Ledger, key_id: str) -> VirtualKey:
    with ledger.read() as connection:
        row: Any = _BY_ID.mapping(connection, {"of_key": key_id})
    before, soon = row["created_at"] - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    return _key_of(row, *RunningSums().answer(ledger, _USE, before, soon).get(key_id, _UNUSED))


def _limits_of(row: Any) -> KeyLimits:
    return KeyLimits(*(tuple(name for name in row[column].split(",") if name) for column in ("providers", "models")))


def _key_of(row: Any, used_micros: int | None, spent_nano_usd: int, subscription_nano_usd: int) -> VirtualKey:
    return VirtualKey(
        key_id=row["key_id"],
        name=row["name"],
        prefix=row["prefix"],
        tags=tags_of(row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=None if used_micros is None else instant_of(used_micros),
        spent_nano_usd=spent_nano_usd,
        limits=_limits_of(row),
        subscription_nano_usd=subscription_nano_usd,
        rotated_at=row["rotated_at"],
        old_until=row["old_until"],
    )
