"""What people ask of a running meter by way of the ledger: to stop, to read the provider keys or the prices again."""

from collections.abc import Callable

from app.ledger.engine import Ledger
from app.ledger.key_store import ProviderKey, list_provider_keys
from app.ledger.meter_state import stop_requested
from app.ledger.price_store import read_book
from app.pricing.book import current_book, use_book


class Orders:
    """Compares the ledger with what was seen last. Used by the writer thread alone; the callbacks are called there."""

    def __init__(
        self, ledger: Ledger, instance_id: str, *, on_stop: Callable[[], object], on_keys_changed: Callable[[], object]
    ) -> None:
        self._ledger = ledger
        self._instance_id = instance_id
        self._on_stop = on_stop
        self._on_keys_changed = on_keys_changed
        self._keys: list[ProviderKey] | None = None

    def look(self) -> None:
        """Read the ledger and pass on what is new. Raises LedgerError."""
        with self._ledger.read() as connection:
            is_stop = stop_requested(connection, self._instance_id)
            use_book(read_book(connection, current_book()))
        if is_stop:
            self._on_stop()
        keys = list_provider_keys(self._ledger)
        if self._keys is not None and keys != self._keys:
            self._on_keys_changed()
        self._keys = keys
