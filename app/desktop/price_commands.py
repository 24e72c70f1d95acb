"""What a person can order about prices: read them all, set one's own, fetch a newer table, and take each back."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from app.core.errors import AppError
from app.desktop.tasks import Tasks
from app.ledger.engine import Ledger
from app.ledger.price_store import FetchedTable, add_override, remove_override, restore_override, undo_table
from app.pricing.overrides import ANY, PriceOverride, Rates
from app.services.price_list import PriceList, read_prices
from app.services.price_updates import Update, accept_update, default_source, fetch_update

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


class PriceCommands:
    """Orders. `done` and `failed` are called back on the UI thread. `source` is where newer tables are fetched from, a
    file or an address; empty for genai-prices' own."""

    def __init__(self, ledger: Ledger, lane: Tasks) -> None:
        self._ledger = ledger
        self._lane = lane
        self.source = ""

    def read(self, done: Callable[[PriceList], None], failed: Failed) -> None:
        """All prices as of now."""
        self._lane.run(lambda: read_prices(self._ledger, datetime.now(UTC)), done, failed)

    def set_own(
        self, provider: str, model: str, rates: Rates | None, factor: Decimal | None,
        done: Callable[[PriceOverride], None], failed: Failed,
    ) -> None:  # fmt: skip
        """Set a price of one's own, from now on and everywhere the model is had."""
        self._lane.run(
            lambda: add_override(
                self._ledger, provider=provider, model=model, host=ANY, rates=rates, factor=factor
            ), done, failed,
        )  # fmt: skip

    def remove_own(self, override_id: str, done: Done, failed: Failed) -> None:
        """Take a price of one's own away. Costs that were computed with it stay."""
        self._lane.run(lambda: remove_override(self._ledger, override_id), lambda _none: done(), failed)

    def restore_own(self, override_id: str, done: Done, failed: Failed) -> None:
        """Undo a removal, or a price that took this one's place."""
        self._lane.run(lambda: restore_override(self._ledger, override_id), lambda _none: done(), failed)

    def fetch(self, done: Callable[[Update], None], failed: Failed) -> None:
        """Fetch a newer table and look it over; nothing changes yet."""
        self._lane.run(
            lambda: fetch_update(self._ledger, self.source or default_source(), datetime.now(UTC)), done, failed
        )

    def accept(self, update: Update, done: Callable[[FetchedTable], None], failed: Failed) -> None:
        """Put a fetched table in force."""
        self._lane.run(lambda: accept_update(self._ledger, update), done, failed)

    def undo_update(self, done: Done, failed: Failed) -> None:
        """Go back to the table before."""
        self._lane.run(lambda: undo_table(self._ledger), lambda _table: done(), failed)
