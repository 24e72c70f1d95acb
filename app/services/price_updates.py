"""Fetching a newer price table, on a person's word alone, as data: nothing of it is run.

The ledger keeps the tables, so that the last good one can be gone back to and a running meter sees the change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import FetchError, InvalidInput
from app.ledger.engine import Ledger
from app.ledger.price_store import FetchedTable, keep_table, load_book, table_digest
from app.pricing.book import bundled_book
from app.pricing.price_table import table_from_json
from app.pricing.resources import read_figures
from app.pricing.review import Concern, review_table
from app.services.download import TooLarge, download

MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Update:
    """A table that was fetched and can be read. `concerns` are what a person should say yes to first."""

    body: bytes
    source: str
    fetched_at: datetime
    version: str
    models: int
    concerns: tuple[Concern, ...]


def default_source() -> str:
    """Where genai-prices publishes its table."""
    return str(read_figures("table")["update_url"])


def fetch_update(ledger: Ledger, source: str, now: datetime) -> Update:
    """Fetch a table from a file or a web address and compare it with the one in force. Nothing changes yet.

    Raises FetchError where there is nothing to read, InvalidInput where it is no whole table or older than ours.
    """
    is_web = source.startswith(("https://", "http://"))
    body, fetched_at = (_fetched(source), now) if is_web else _read(Path(source))
    shipped = bundled_book().table.as_of
    if shipped is not None and fetched_at < shipped:
        raise InvalidInput(
            "These prices are older", f"The file is of {fetched_at:%Y-%m-%d}; Bursar ships those of {shipped:%Y-%m-%d}."
        )
    table = table_from_json(body, digest=table_digest(body), fetched_at=fetched_at)
    concerns = review_table(load_book(ledger).table, table, now)
    models = sum(len(table.rows(provider)) for provider in table.providers())
    return Update(body, source, fetched_at, table.version, models, tuple(concerns))


def accept_update(ledger: Ledger, update: Update) -> FetchedTable:
    """Put a fetched table in force."""
    return keep_table(ledger, update.body, update.source, update.fetched_at)


def _fetched(url: str) -> bytes:
    failed, otherwise = "The prices could not be fetched", "Those in force stay. A file works too: --from FILE"
    try:
        return download(url, MAX_BYTES, failed=failed, otherwise=otherwise)
    except TooLarge:
        raise _too_large() from None


def _read(file: Path) -> tuple[bytes, datetime]:
    """A file's bytes and the day of its last change, which is all that tells how old its prices are."""
    try:
        with file.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
        changed_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        raise FetchError("The prices cannot be read", f"{file}: {error.strerror or type(error).__name__}.") from None
    return _bounded(body), changed_at


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise _too_large()
    return body


def _too_large() -> InvalidInput:
    return InvalidInput("Not a price table", f"It is larger than {MAX_BYTES // 10**6} MB.")
