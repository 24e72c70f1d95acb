"""What people ask of a running meter by way of the ledger: to stop, to read the provider keys or the prices again, to
cut answers.
"""

import asyncio
import logging

from app.core.errors import LedgerError
from app.core.provider_keys import KeyChoice, choice_among
from app.ledger.engine import Ledger
from app.ledger.meter_state import cuts_everything, stop_requested
from app.ledger.price_store import read_book, use_prices
from app.ledger.provider_key_store import read_provider_keys
from app.ledger.session_store import stopped_sessions_now
from app.pricing.book import current_book, use_book
from proxy_addon.writer import News

logger = logging.getLogger(__name__)

STOP, KEYS, PRICES, CUT = "stop", "keys", "prices", "cut"


class Orders:
    """Compares the ledger with what was seen last, in the process that writes it. Prices are put in force there."""

    def __init__(self, ledger: Ledger, instance_id: str) -> None:
        self._ledger = ledger
        self._instance_id = instance_id
        self._keys: KeyChoice | None = None

    def look(self) -> list[News]:
        """Read the ledger and tell what is new: keys are to be chosen by a KeyChoice, answers of a set of sessions cut,
        or all. Raises LedgerError."""
        with self._ledger.read() as connection:
            is_stop = stop_requested(connection, self._instance_id)
            book = read_book(connection, before := current_book())
            stopped = frozenset(one.session for one in stopped_sessions_now(connection) if one.cuts_streams)
            is_all = cuts_everything(connection)
            keys = choice_among(read_provider_keys(connection))
        news = []
        if book != before:
            use_book(book)
            news.append(News(PRICES))
        if is_stop:
            news.append(News(STOP))
        if stopped or is_all:
            news.append(News(CUT, (stopped, is_all)))
        if keys != self._keys:
            news.append(News(KEYS, (keys,)))
        self._keys = keys
        return news


async def keep_prices(ledger: Ledger, new_prices: asyncio.Event) -> None:
    """Put prices in force beside the calls, whenever there are new ones. Ends only by being cancelled."""
    while True:
        await new_prices.wait()
        new_prices.clear()
        try:
            await asyncio.to_thread(use_prices, ledger)
        except LedgerError as error:
            logger.warning("the prices cannot be read: %s", error)
