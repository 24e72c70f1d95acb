"""Providers' exports of what they charged, as CSV: amounts by UTC day.

Columns as the exports have them (public descriptions and samples): OpenAI's costs `start_time` (seconds since 1970) or
`start_time_iso`, `amount_value`, `amount_currency`, `line_item`; Anthropic's Console cost export `usage_date_utc`,
`model`, `cost_usd` (after discounts; `list_price_usd` is not what is paid); OpenRouter's activity `created_at` (UTC),
`cost_total`, `model_permaslug`, or by day `date`, `usage`, `model`. A header may name a column in any case.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from app.core.errors import InvalidInput
from app.core.history import BilledAmount, BillSource
from app.core.money import MAX_NANO_USD, nano_from_decimal
from app.core.tags import clean_name
from app.ledger.bill_store import replace_days
from app.ledger.engine import Ledger


@dataclass(frozen=True, slots=True)
class _Columns:
    """Names that a column may have, best first."""

    day: tuple[str, ...]
    amount: tuple[str, ...]
    item: tuple[str, ...]


_COLUMNS = {
    BillSource.OPENAI: _Columns(
        ("start_time_iso", "start_time", "date"), ("amount_value", "cost_usd", "amount"), ("line_item", "model")
    ),
    BillSource.ANTHROPIC: _Columns(
        ("usage_date_utc", "date", "start_time"), ("cost_usd", "amount_usd"), ("model", "description")
    ),
    BillSource.OPENROUTER: _Columns(
        ("created_at", "date"), ("cost_total", "usage", "cost"), ("model_permaslug", "model")
    ),
}


@dataclass(frozen=True, slots=True)
class Bill:
    """What one export held."""

    days: int
    items: int
    broken_lines: int


def import_bill(ledger: Ledger, source: BillSource, file: Path) -> Bill:
    """Keep what an export says. Raises InvalidInput when the file is not that provider's export, and LedgerError."""
    amounts, broken = [], 0
    for amount in read_bill(source, file):
        if amount is None:
            broken += 1
        else:
            amounts.append(amount)
    if not amounts:
        raise InvalidInput("The export holds no amounts", f"No line of {file.name} could be read as a day's cost.")
    replace_days(ledger, source, amounts)
    return Bill(len({amount.day for amount in amounts}), len(amounts), broken)


def read_bill(source: BillSource, file: Path) -> Iterator[BilledAmount | None]:
    """The amounts of an export, None for a line that cannot be read; a line without an amount is passed over.

    Raises InvalidInput for a file that is not there or has not the columns.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            first = opened.readline()
            opened.seek(0)
            rows = csv.DictReader(opened, delimiter="\t" if "\t" in first else ",", strict=False)
            columns = _chosen(source, [name.strip().lower() for name in rows.fieldnames or []], file)
            rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or []]
            for row in rows:
                if (row.get(columns[1]) or "").strip():
                    yield _amount(source, row, columns)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidInput("The export cannot be read", f"{file}: {reason}.") from error


def _chosen(source: BillSource, names: list[str], file: Path) -> tuple[str, str, str]:
    """The columns of day, amount and item; the item's may be missing."""
    wanted = _COLUMNS[source]
    day, amount, item = (
        next((name for name in some if name in names), "") for some in (wanted.day, wanted.amount, wanted.item)
    )
    if not day or not amount:
        need = f"{' or '.join(wanted.day)}, and {' or '.join(wanted.amount)}"
        raise InvalidInput(f"Not an export of {source}", f"{file.name} needs the columns {need}.")
    return day, amount, item


def _amount(source: BillSource, row: Mapping[str, str | None], columns: tuple[str, str, str]) -> BilledAmount | None:
    day, amount, item = (row.get(name) or "" for name in columns)
    if (row.get("amount_currency") or "usd").strip().lower() != "usd":
        return None
    try:
        usd = Decimal(amount.strip().removeprefix("$").replace(",", ""))
        nano = nano_from_decimal(usd) if usd.is_finite() else MAX_NANO_USD
        if abs(nano) >= MAX_NANO_USD:
            return None
        return BilledAmount(source, _day(day.strip()), clean_name(item), nano)
    except (ValueError, InvalidOperation, OverflowError, OSError):
        return None


def _day(text: str) -> date:
    """The UTC day of an instant or a date as exports write them. Raises ValueError."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC).date()
    read = datetime.fromisoformat(text.removesuffix(" UTC"))
    return (read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)).date()
