"""How old the prices in force are, asked without reading them."""

from datetime import datetime

from app.ledger.glance import Reader
from app.ledger.instants import instant_of
from app.pricing.age import shipped_as_of

_NEWEST = "SELECT fetched_at FROM price_data WHERE undone_at IS NULL ORDER BY data_id DESC LIMIT 1"
"""The table put in force last: ids sort by time."""


def gathered_at(reader: Reader) -> datetime | None:
    """When the prices in force were gathered; None where that is not known."""
    fetched = reader.execute(_NEWEST).fetchone()
    known = [instant for instant in (fetched and instant_of(*fetched), shipped_as_of()) if instant is not None]
    return max(known, default=None)
