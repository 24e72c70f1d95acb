from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, update

from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.cap_store import cap_statuses
from app.ledger.engine import Ledger
from app.ledger.raise_store import raise_by
from app.ledger.rollup import roll_up, rollups
from app.ledger.tables import calls, holds, totals
from app.ledger.verification import repair_ledger, verify_ledger
from tests.ledger.bookkeeping import end, make_draft, reserve, set_cap, spend_money


def a_lived_in_ledger(ledger: Ledger) -> None:
    for scope, key in ((Scope.EVERYTHING, ""), (Scope.PROJECT, "p"), (Scope.AGENT, "*"), (Scope.MODEL, "*")):
        for window in Window:
            set_cap(ledger, 1_000_000, scope=scope, scope_key=key, window=window)
    set_cap(ledger, 1_000_000, scope=Scope.PROVIDER, scope_key="*", window=Window.SESSION)
    for number in range(4):
        tags = Tags(project="p", agent=r"a|\b", session=f"s|{number % 2}\\")
        spend_money(ledger, 10 + number, tags=tags)
        spend_money(ledger, 20 + number, agent="b", at=datetime.now(UTC) - timedelta(days=40 * number))
        assert reserve(ledger, make_draft(100 + number, tags=tags)).is_admitted
    unpriced = make_draft(50, project="p")
    assert reserve(ledger, unpriced).is_admitted
    assert end(ledger, unpriced, None)


def test_a_ledger_that_was_only_used_is_sound(ledger: Ledger) -> None:
    a_lived_in_ledger(ledger)
    raised = next(one for one in cap_statuses(ledger, datetime.now(UTC)) if one.cap.scope is Scope.EVERYTHING)
    raise_by(ledger, raised.cap.cap_id, raised.window_key, 500)
    found = verify_ledger(ledger)
    assert found.windows > 40
    assert found.differences == ()


@pytest.mark.parametrize(
    ("column", "figure"),
    [
        ("posted_nano_usd", "spent"),
        ("held_nano_usd", "held"),
        ("limit_nano_usd", "limit"),
        ("unpriced_calls", "unpriced calls"),
    ],
)
def test_each_damaged_figure_is_named_and_repaired(ledger: Ledger, column: str, figure: str) -> None:
    a_lived_in_ledger(ledger)
    with ledger.write() as connection:
        rows = connection.execute(totals.update().values({column: totals.c[column] + 7})).rowcount
    found = verify_ledger(ledger).differences
    assert len(found) == rows
    assert {one.figure for one in found} == {figure}
    assert all(one.written == one.derived + 7 for one in found)
    assert repair_ledger(ledger).differences == found
    assert verify_ledger(ledger).differences == ()


def test_a_forgotten_hold_a_lost_call_and_a_stray_window_are_found(ledger: Ledger) -> None:
    a_lived_in_ledger(ledger)
    with ledger.write() as connection:
        connection.execute(delete(holds))
        connection.execute(update(calls).where(calls.c.row_id == 1).values(charged_nano_usd=99))
        connection.execute(
            insert(totals).values(
                cap_id="gone", window_key="total", limit_nano_usd=1, posted_nano_usd=0, held_nano_usd=0,
                unpriced_calls=0,
            )
        )  # fmt: skip
    figures = {one.figure for one in verify_ledger(ledger).differences}
    assert figures == {"calls on their way", "spent", "window"}
    repair_ledger(ledger)
    assert verify_ledger(ledger).differences == ()


def test_what_is_held_still_settles_rightly_after_a_repair(ledger: Ledger) -> None:
    set_cap(ledger, 1_000)
    draft = make_draft(300)
    assert reserve(ledger, draft).is_admitted
    with ledger.write() as connection:
        connection.execute(delete(holds))
        connection.execute(totals.update().values(held_nano_usd=0))
    repair_ledger(ledger)
    assert end(ledger, draft, 120)
    assert verify_ledger(ledger).differences == ()
    (status,) = cap_statuses(ledger, datetime.now(UTC))
    assert (status.spent_nano_usd, status.held_nano_usd) == (120, 0)


def test_damaged_sums_are_named_and_derived_again(ledger: Ledger) -> None:
    a_lived_in_ledger(ledger)
    with ledger.write() as connection:
        roll_up(connection, 1_000)
        connection.execute(update(rollups).values(cost_nano_usd=rollups.c.cost_nano_usd + 7))
    found = verify_ledger(ledger).differences
    assert {(one.cap_id, one.figure) for one in found} == {("", "spent")}
    assert repair_ledger(ledger).differences == found
    assert verify_ledger(ledger).differences == ()
