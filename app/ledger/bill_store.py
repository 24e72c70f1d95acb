"""What providers say a day cost. One export tells all of a day, so a newer export of that day takes its place."""

from collections.abc import Iterable

from sqlalchemy import delete, insert

from app.core.history import BilledAmount
from app.ledger.engine import Ledger
from app.ledger.import_tables import billed_amounts


def replace_days(ledger: Ledger, provider: str, amounts: Iterable[BilledAmount]) -> None:
    """Keep these amounts, and no others, for each day that they name. Amounts of the same day and item are added."""
    sums: dict[tuple[str, str], int] = {}
    for amount in amounts:
        key = (amount.day.isoformat(), amount.item)
        sums[key] = sums.get(key, 0) + amount.amount_nano_usd
    with ledger.write() as connection:
        for day in sorted({day for day, _ in sums}):
            same = (billed_amounts.c.provider == provider) & (billed_amounts.c.day == day)
            connection.execute(delete(billed_amounts).where(same))
        rows = [
            {"provider": provider, "day": day, "item": item, "amount_nano_usd": nano}
            for (day, item), nano in sums.items()
        ]
        if rows:
            connection.execute(insert(billed_amounts), rows)
