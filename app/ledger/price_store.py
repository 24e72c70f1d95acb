"""Prices in the ledger: what a person set, and the price tables that were fetched.

They stand here, beside caps and keys, so that a running meter sees a change as it sees any other.
"""

import gzip
import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.core.errors import InvalidInput
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.price_age import gathered_at
from app.ledger.statement import Statement
from app.ledger.tables import price_data, price_overrides
from app.pricing.book import Book, bundled_book, current_book, use_book
from app.pricing.overrides import PriceOverride, Rates
from app.pricing.price_table import PriceTable, table_from_json

logger = logging.getLogger(__name__)

_NEWEST_FIRST = (price_data.c.data_id.desc(),)
"""By when they were put in force: ids sort by time."""
_NEWEST = Statement(
    select(price_data.c.data_id).where(price_data.c.undone_at.is_(None)).order_by(*_NEWEST_FIRST).limit(1)
)
_KEPT = Statement(
    select(price_overrides)
    .where(price_overrides.c.removed_at.is_(None))
    .order_by(price_overrides.c.created_at, price_overrides.c.override_id)
)
TABLES_KEPT = 3
"""How many fetched tables stay: the one in force and what an undo can go back to."""


@dataclass(frozen=True, slots=True)
class FetchedTable:
    """A price table that was fetched. `digest` tells it apart in the ledger's calls; `body` is its JSON."""

    data_id: str
    digest: str
    source: str
    fetched_at: datetime
    body: bytes


def read_overrides(connection: Connection) -> tuple[PriceOverride, ...]:
    """All overrides that were not removed, oldest first, in or out of effect, within a transaction at hand."""
    return tuple(_override_of(row) for row in _KEPT.mappings(connection, {}))


def list_overrides(ledger: Ledger) -> tuple[PriceOverride, ...]:
    """All overrides that were not removed, oldest first."""
    with ledger.read() as connection:
        return read_overrides(connection)


def add_override(
    ledger: Ledger,
    *,
    provider: str,
    model: str,
    host: str,
    rates: Rates | None = None,
    factor: Decimal | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> PriceOverride:
    """Set a price. One for the same calls and the same time takes the older one's place. Raises InvalidInput."""
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidInput("It would never be in effect", "The end must come after the start.")
    override = PriceOverride(
        override_id=new_id(),
        created_at=datetime.now(UTC),
        provider=provider,
        model=model,
        host=host,
        rates=rates,
        factor=factor,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    with ledger.write() as connection:
        for older in read_overrides(connection):
            if _calls_and_time(older) == _calls_and_time(override):
                _remove(connection, older.override_id)
        connection.execute(insert(price_overrides).values(**_columns(override)))
    return override


def remove_override(ledger: Ledger, override_id: str) -> None:
    """Take a price away. Costs that were computed with it stay."""
    with ledger.write() as connection:
        _remove(connection, override_id)


def restore_override(ledger: Ledger, override_id: str) -> None:
    """Put a price back that was removed. One set since for the same calls and the same time is taken away."""
    with ledger.write() as connection:
        gone = select(price_overrides).where(price_overrides.c.override_id == override_id)
        row = connection.execute(gone).mappings().one_or_none()
        if row is None:
            raise InvalidInput("There is no such price", "Set it anew.")
        for younger in read_overrides(connection):
            if _calls_and_time(younger) == _calls_and_time(_override_of(row)):
                _remove(connection, younger.override_id)
        back = update(price_overrides).where(price_overrides.c.override_id == override_id)
        connection.execute(back.values(removed_at=None))


def table_in_force(connection: Connection) -> FetchedTable | None:
    """The newest fetched table that was not undone, within a transaction at hand; None where there is none."""
    newest = select(price_data).where(price_data.c.undone_at.is_(None)).order_by(*_NEWEST_FIRST).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    if row is None:
        return None
    return FetchedTable(
        row["data_id"], row["digest"], row["source"], row["fetched_at"], gzip.decompress(row["gzipped"])
    )


def table_id_in_force(connection: Connection) -> str | None:
    """Which fetched table is in force, without reading it."""
    found: str | None = _NEWEST.value(connection, {})
    return found


def read_book(connection: Connection, present: Book | None = None) -> Book:
    """The prices in force by this ledger, within a transaction at hand.

    The table of `present` is kept where it is still the one in force. A fetched table counts unless the one that ships
    with Bursar is newer; one that an updated Bursar cannot read any more is passed over, and that is logged.
    """
    return Book(_table(connection, present), read_overrides(connection))


def load_book(ledger: Ledger) -> Book:
    """The prices in force by this ledger."""
    with ledger.read() as connection:
        return read_book(connection)


def use_prices(ledger: Ledger) -> None:
    """Put the prices of this ledger in force in this process. Raises LedgerError."""
    with ledger.read() as connection:
        use_book(read_book(connection, current_book()))


def _table(connection: Connection, present: Book | None) -> PriceTable:
    data_id, bundled = table_id_in_force(connection), bundled_book().table
    if present is not None and present.table.data_id == (data_id or ""):
        return present.table
    fetched = table_in_force(connection) if data_id else None
    if fetched is None:
        return bundled
    passed_over = replace(bundled, data_id=fetched.data_id)
    if bundled.as_of is not None and fetched.fetched_at < bundled.as_of:
        return passed_over
    try:
        return table_from_json(
            fetched.body, digest=fetched.digest, fetched_at=fetched.fetched_at, data_id=fetched.data_id
        )
    except InvalidInput as error:
        logger.warning("the fetched price table is passed over: %s", error.message)
        return passed_over


def prices_as_of(ledger: Ledger) -> datetime | None:
    """When the prices in force were gathered, without reading them; None where that is not known."""
    with ledger.glance() as reader:
        return gathered_at(reader)


def table_digest(body: bytes) -> str:
    """What tells one price table from another beside the amounts computed with it."""
    return hashlib.sha256(body).hexdigest()[:12]


def keep_table(ledger: Ledger, body: bytes, source: str, fetched_at: datetime) -> FetchedTable:
    """Put a fetched table in force. The caller has checked it. Older ones beyond a few are let go."""
    table = FetchedTable(new_id(), table_digest(body), source[:500], fetched_at, body)
    values = {name: getattr(table, name) for name in ("data_id", "digest", "source", "fetched_at")}
    with ledger.write() as connection:
        connection.execute(insert(price_data).values(**values, gzipped=gzip.compress(body, mtime=0)))
        ids = connection.execute(select(price_data.c.data_id).order_by(*_NEWEST_FIRST)).scalars().all()
        connection.execute(delete(price_data).where(price_data.c.data_id.in_(ids[TABLES_KEPT:])))
    return table


def undo_table(ledger: Ledger) -> FetchedTable | None:
    """Take the table in force away again and give it back; None where there was none."""
    with ledger.write() as connection:
        table = table_in_force(connection)
        if table is not None:
            undone = update(price_data).where(price_data.c.data_id == table.data_id)
            connection.execute(undone.values(undone_at=datetime.now(UTC)))
    return table


def _remove(connection: Connection, override_id: str) -> None:
    gone = update(price_overrides).where(price_overrides.c.override_id == override_id)
    connection.execute(gone.values(removed_at=datetime.now(UTC)))


def _calls_and_time(override: PriceOverride) -> tuple[Any, ...]:
    names = (override.provider.lower(), override.model.lower(), override.host.lower())
    return (*names, override.starts_at, override.ends_at)


def _columns(override: PriceOverride) -> dict[str, Any]:
    rates = {} if override.rates is None else asdict(override.rates)
    return {
        "override_id": override.override_id,
        "provider": override.provider,
        "model": override.model,
        "host": override.host,
        "rates": json.dumps({name: str(rate) for name, rate in rates.items() if rate is not None}),
        "factor": None if override.factor is None else str(override.factor),
        "starts_at": override.starts_at,
        "ends_at": override.ends_at,
        "created_at": override.created_at,
    }


def _override_of(row: Any) -> PriceOverride:
    rates = {name: Decimal(rate) for name, rate in json.loads(row["rates"]).items()}
    return PriceOverride(
        override_id=row["override_id"],
        created_at=row["created_at"],
        provider=row["provider"],
        model=row["model"],
        host=row["host"],
        rates=Rates(**rates) if rates else None,
        factor=None if row["factor"] is None else Decimal(row["factor"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
    )
