from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.core.errors import InvalidInput
from app.ledger.engine import Ledger
from app.ledger.price_store import (
    TABLES_KEPT,
    add_override,
    keep_table,
    list_overrides,
    remove_override,
    table_id_in_force,
    table_in_force,
    undo_table,
)
from app.pricing.overrides import PriceOverride, Rates

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
RATES = Rates(input=Decimal("1.10"), output=Decimal("4.400000001"), web_search=Decimal(5))


def set_rates(
    ledger: Ledger, rates: Rates = RATES, model: str = "gpt-9", *, since: datetime | None = None
) -> PriceOverride:
    return add_override(ledger, provider="openai", model=model, host="*", rates=rates, starts_at=since)


def test_an_override_is_read_back_to_the_last_decimal(ledger: Ledger) -> None:
    rates = set_rates(ledger, since=DECEMBER)
    factor = add_override(
        ledger, provider="azure", model="*", host="*.corp.test", factor=Decimal("0.85"), ends_at=DECEMBER
    )
    assert list_overrides(ledger) == (rates, factor)


def test_a_second_price_for_the_same_calls_and_time_takes_the_place_of_the_first(ledger: Ledger) -> None:
    set_rates(ledger)
    later = set_rates(ledger, since=DECEMBER)
    dearer = set_rates(ledger, Rates(Decimal(2), Decimal(8)), "GPT-9")
    assert list_overrides(ledger) == (later, dearer)


def test_a_removed_override_is_gone(ledger: Ledger) -> None:
    remove_override(ledger, set_rates(ledger).override_id)
    assert list_overrides(ledger) == ()


def test_an_override_that_ends_before_it_begins_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidInput, match="never"):
        add_override(
            ledger, provider="*", model="*", host="*", factor=Decimal(1), starts_at=DECEMBER,
            ends_at=DECEMBER - timedelta(days=1),
        )  # fmt: skip
    assert list_overrides(ledger) == ()


def test_the_newest_table_is_in_force_until_it_is_undone(ledger: Ledger) -> None:
    def in_force() -> bytes | None:
        with ledger.read() as connection:
            table = table_in_force(connection)
            assert table_id_in_force(connection) == (table.data_id if table else None)
        return table.body if table else None

    assert in_force() is None
    first = keep_table(ledger, b"[1]", "https://prices.test/data.json", DECEMBER)
    keep_table(ledger, b"[2]", "/somewhere/data.json", DECEMBER - timedelta(days=1))
    assert in_force() == b"[2]"
    undone = undo_table(ledger)
    assert undone is not None
    assert (undone.body, in_force()) == (b"[2]", b"[1]")
    assert undo_table(ledger) == first
    assert undo_table(ledger) is None
    assert in_force() is None


def test_only_a_few_tables_are_kept(ledger: Ledger) -> None:
    for number in range(TABLES_KEPT + 2):
        keep_table(ledger, b"%d" % number, "x", DECEMBER)
    undone = [table.body for _ in range(TABLES_KEPT + 2) if (table := undo_table(ledger))]
    assert undone == [b"4", b"3", b"2"]
