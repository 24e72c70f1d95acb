"""A price table: the one that ships with genai-prices, or a newer one that was fetched and is read as data.

genai-prices is imported at the first look-up: it takes a third of a second, which neither `--help` nor the start of the
meter should wait for.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

from app.core.errors import InvalidInput
from app.pricing.age import shipped_as_of
from app.pricing.rows import Row

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

_PREFIXES = ("models/", "publishers/google/models/", "publishers/anthropic/models/")


@dataclass(slots=True)
class PriceTable:
    """`version` stands beside amounts computed with it; `as_of` is when its prices were gathered, None if unknown.
    `data_id` is where the ledger keeps it, empty for the one that ships with Bursar."""

    version: str
    as_of: datetime | None
    data_id: str = ""
    _snapshot: "DataSnapshot | None" = None
    _found: "dict[tuple[str, str], Row | None]" = field(default_factory=dict)

    def find_row(self, provider: str, model: str) -> Row | None:
        """The row of a model at a provider, both by our names; None where the table has none.

        Looked up by provider id, never by address: the table's address patterns match look-alike hosts.
        """
        key = (provider, model)
        if key not in self._found:
            if len(self._found) > _REMEMBERED:
                self._found.clear()
            self._found[key] = self._look_up(provider, bare_name(model))
        return self._found[key]

    def rows(self, provider: str) -> list[Row]:
        """All rows of a provider; none for one the table does not know."""
        return [Row(one, model) for one in self.snapshot.providers if one.id == provider for model in one.models]

    def providers(self) -> list[str]:
        """The ids of all providers in the table."""
        return [one.id for one in self.snapshot.providers]

    @property
    def snapshot(self) -> "DataSnapshot":
        """genai-prices' own picture of the table."""
        if self._snapshot is None:
            from genai_prices.data_snapshot import get_snapshot

            self._snapshot = get_snapshot()
        return self._snapshot

    def _look_up(self, provider: str, name: str) -> Row | None:
        if not name:
            return None
        try:
            found, info = self.snapshot.find_provider_model(name, None, provider, None)
        except LookupError:
            return None
        return Row(found, info)


_REMEMBERED = 2_000


def bare_name(model: str) -> str:
    """A model's name without what Google and AWS put before it."""
    name = model.strip()
    if name.startswith("arn:"):
        name = name.rpartition("/")[2]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def bundled_table() -> PriceTable:
    """The table of the installed genai-prices."""
    return PriceTable(f"genai-prices {version('genai-prices')}", shipped_as_of())


def table_from_json(body: bytes, *, digest: str, fetched_at: datetime, data_id: str = "") -> PriceTable:
    """A table out of genai-prices' data file (version 2 of its format). Raises InvalidInput where it is none.

    The library has no public reader for a file; its private one is called here and nowhere else.
    """
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import _providers_from_raw

    try:
        raw = json.loads(body, parse_float=Decimal)
        if not isinstance(raw, list) or not raw:
            raise ValueError("no list of providers")
        providers = _providers_from_raw(raw)
    except (ValueError, TypeError, RecursionError, LookupError) as error:
        raise InvalidInput("Not a price table", f"It cannot be read as one ({type(error).__name__}).") from error
    snapshot = DataSnapshot(providers, from_auto_update=True)
    return PriceTable(f"genai-prices data {fetched_at:%Y-%m-%d} {digest}", fetched_at, data_id, snapshot)
