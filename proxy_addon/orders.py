"""What people ask of a running meter by way of the ledger: to stop, to read the provider keys or the prices again, to
cut answers.
"""

from collections.abc import Callable

from app.core.provider_keys import KeyChoice, choice_among
from app.ledger.engine import Ledger
from app.ledger.meter_state import cuts_everything, stop_requested
from app.ledger.price_store import read_book
from app.ledger.provider_key_store import read_provider_keys
from app.ledger.session_store import stopped_sessions_now
from app.pricing.book import current_book, use_book


class Orders:
    """Compares the ledger with what was seen last. Used by the writer thread alone; the callbacks are called there."""

    def __init__(
        self,
        ledger: Ledger,
        instance_id: str,
        *,
        on_stop: Callable[[], object],
        on_keys_changed: Callable[[KeyChoice], object],
        on_cut: Callable[[frozenset[str], bool], object],
    ) -> None:
        self._ledger = ledger
        self._instance_id = instance_id
        self._on_stop = on_stop
        self._on_keys_changed = on_keys_changed
        self._on_cut = on_cut
        self._keys: KeyChoice | None = None

    def look(self) -> None:
        """Read the ledger and pass on what is new. Raises LedgerError."""
        with self._ledger.read() as connection:
            is_stop = stop_requested(connection, self._instance_id)
            use_book(read_book(connection, current_book()))
            stopped = frozenset(one.session for one in stopped_sessions_now(connection) if one.cuts_streams)
            is_all = cuts_everything(connection)
            keys = choice_among(read_provider_keys(connection))
        if is_stop:
            self._on_stop()
        if stopped or is_all:
            self._on_cut(stopped, is_all)
        if keys != self._keys:
            self._on_keys_changed(keys)
        self._keys = keys
