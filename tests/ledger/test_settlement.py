import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import event, select

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Action
from app.core.tags import Scope, Tags
from app.core.usage import Usage
from app.core.windows import Window
from app.ledger.alert_store import alerts_after, last_alert_id
from app.ledger.call_store import calls_of_key, recent_calls
from app.ledger.cap_store import remove_cap, update_cap
from app.ledger.engine import Ledger
from app.ledger.settlement import write_refused
from app.ledger.tables import calls
from tests.ledger.bookkeeping import (
    derived_totals,
    end,
    make_call,
    make_draft,
    money_in,
    reserve,
    set_cap,
    spend_money,
    status_of,
    void_call,
    written_totals,
)

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def charged(ledger: Ledger) -> list[int]:
    with ledger.read() as connection:
        return list(connection.execute(select(calls.c.charged_nano_usd).order_by(calls.c.row_id)).scalars())


def test_held_money_becomes_the_cost(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    assert end(ledger, draft, 20)
    assert money_in(ledger, cap) == (20, 0)
    assert charged(ledger) == [20]


@pytest.mark.parametrize("order", list(permutations(("settle", "void", "lost"))))
def test_a_call_ends_once_whatever_comes_after(ledger: Ledger, order: tuple[str, ...]) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    endings = {
        "settle": lambda: end(ledger, draft, 20),
        "void": lambda: void_call(ledger, draft),
        "lost": lambda: end(ledger, draft, 30, is_certain=False),
    }
    assert [endings[one]() for one in (*order, *order)] == [True] + [False] * 5
    assert money_in(ledger, cap) == ({"settle": 20, "void": 0, "lost": 60}[order[0]], 0)
    assert len(recent_calls(ledger)) == 1
    assert written_totals(ledger) == derived_totals(ledger)


def test_a_call_that_was_never_reserved_is_not_settled(ledger: Ledger) -> None:
    assert not end(ledger, make_draft(5), 5)
    assert recent_calls(ledger) == []


def test_a_call_over_midnight_is_charged_to_the_day_it_was_reserved_in(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY)
    before, after = MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=1)
    late = make_draft(60, at=before)
    reserve(ledger, late)
    reserve(ledger, make_draft(10, at=after))
    end(ledger, late, 50)
    assert [money_in(ledger, cap, at) for at in (before, after)] == [(50, 0), (0, 10)]


def test_a_cost_above_the_hold_is_told_in_full_and_shuts_the_cap(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    end(ledger, draft, 150)
    assert money_in(ledger, cap) == (150, 0)
    assert not reserve(ledger, make_draft(0)).is_admitted
    assert status_of(ledger, cap).remaining_nano_usd == 0


@pytest.mark.parametrize(("estimate", "carried"), [(20, 60), (90, 90), (None, 60)])
def test_an_uncertain_call_weighs_its_worst_case_and_keeps_its_estimate(
    ledger: Ledger, estimate: int | None, carried: int
) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    end(ledger, draft, estimate, is_certain=False)
    assert money_in(ledger, cap) == (carried, 0)
    assert recent_calls(ledger)[0].cost_nano_usd == estimate
    assert status_of(ledger, cap).has_unpriced is (estimate is None)


def test_an_answer_from_a_model_without_a_price_is_not_free(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    end(ledger, draft, None, response_model="unheard-of")
    assert money_in(ledger, cap) == (60, 0)
    assert status_of(ledger, cap).unpriced_calls == 1
    assert recent_calls(ledger)[0].cost_nano_usd is None


def test_a_call_without_a_price_charges_nothing_and_is_counted(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, action=Action.ALERT)
    draft = make_draft(None)
    reserve(ledger, draft)
    end(ledger, draft, None)
    assert money_in(ledger, cap) == (0, 0)
    assert status_of(ledger, cap).unpriced_calls == 1


def test_a_voided_call_gives_its_money_back_and_is_written(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    assert void_call(ledger, draft)
    assert money_in(ledger, cap) == (0, 0)
    assert [call.outcome for call in recent_calls(ledger)] == [Outcome.FAILED]


def test_a_refused_call_is_written_and_weighs_nothing(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    with ledger.write() as connection:
        write_refused(connection, make_call(make_draft(500), 0, outcome=Outcome.REFUSED, error_type="cap"))
    assert money_in(ledger, cap) == (0, 0)
    assert [(call.outcome, call.error_type) for call in recent_calls(ledger)] == [(Outcome.REFUSED, "cap")]


def test_a_call_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    tags = Tags("p", "a", "u", "t", "k", "s", "v")
    draft = make_draft(60, tags=tags)
    usage = Usage(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    call = Call(
        draft.call_id, draft.at, "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "opus", tags, Outcome.INTERRUPTED,
        usage, 42, Basis.ESTIMATED, "v1", "opus-5", "msg_1", True, 200, "overloaded", 1_200, 300,
    )  # fmt: skip
    with ledger.write() as connection:
        write_refused(connection, call)
    assert recent_calls(ledger) == [call]
    assert calls_of_key(ledger, "v") == [call]
    assert calls_of_key(ledger, "w") == []


def test_calls_are_paged_newest_first(ledger: Ledger) -> None:
    made = [spend_money(ledger, 1).call_id for _ in range(5)]
    page = recent_calls(ledger, 2)
    assert [call.call_id for call in page] == made[:-3:-1]
    rest = recent_calls(ledger, before_id=page[-1].call_id)
    assert [call.call_id for call in rest] == made[2::-1]


def told(ledger: Ledger) -> list[int]:
    return [alert.percent for alert in alerts_after(ledger, 0)]


def test_each_alert_level_is_told_once_for_each_window(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY, alert_percents=(50, 80, 100))
    spend_money(ledger, 49, at=MIDNIGHT)
    assert told(ledger) == []
    spend_money(ledger, 1, at=MIDNIGHT)
    assert told(ledger) == [50]
    spend_money(ledger, 60, at=MIDNIGHT)
    assert told(ledger) == [50, 80, 100]
    before, seen = alerts_after(ledger, 0), last_alert_id(ledger)
    spend_money(ledger, 60, at=MIDNIGHT)
    assert alerts_after(ledger, 0) == before
    spend_money(ledger, 79, at=MIDNIGHT + timedelta(days=1))
    [alert] = alerts_after(ledger, seen)
    assert (alert.cap_id, alert.cap_name, alert.window_key) == (cap.cap_id, "Everything, today", "2026-11-24")
    assert (alert.percent, alert.spent_nano_usd, alert.limit_nano_usd) == (50, 79, 100)


def test_alerts_look_at_spent_money_not_at_held(ledger: Ledger) -> None:
    set_cap(ledger, 200)
    drafts = make_draft(100), make_draft(100)
    assert all(reserve(ledger, draft).is_admitted for draft in drafts)
    end(ledger, drafts[0], 79)
    assert told(ledger) == []
    assert last_alert_id(ledger) == 0
    end(ledger, drafts[1], 81)
    assert told(ledger) == [80]


def test_a_lost_call_alerts_by_its_worst_case_and_alert_caps_tell_as_others_do(ledger: Ledger) -> None:
    set_cap(ledger, 100, action=Action.ALERT, alert_percents=(80,))
    draft = make_draft(90)
    reserve(ledger, draft)
    end(ledger, draft, 1, is_certain=False)
    assert told(ledger) == [80]


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_cap_may_change_while_a_call_is_on_its_way(ledger: Ledger, change: str) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(60)
    reserve(ledger, draft)
    if change == "remove":
        remove_cap(ledger, cap.cap_id)
    else:
        update_cap(ledger, cap)
    assert end(ledger, draft, 20)
    assert charged(ledger) == [20]
    assert written_totals(ledger) == derived_totals(ledger)


def test_no_statement_of_a_call_walks_through_a_table_that_grows(ledger: Ledger) -> None:
    """Whatever the ledger has seen, a call costs it the same. Caps, switches and a call's windows are few."""
    set_cap(ledger, 10**6)
    set_cap(ledger, 10**6, scope=Scope.AGENT, scope_key="*", window=Window.SESSION)
    spend_money(ledger, 10, agent="a", session="1")
    asked: list[str] = []

    def watch(driver: sqlite3.Connection, *_more: Any) -> None:
        driver.set_trace_callback(asked.append)

    event.listen(ledger.engine, "checkout", watch)
    spend_money(ledger, 90, agent="a", session="1")
    spend_money(ledger, 10, agent="a", session="2")
    event.remove(ledger.engine, "checkout", watch)

    plans = {statement for statement in asked if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))}
    assert len(plans) > 20
    with ledger.read() as connection:
        for statement in plans:
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"):
                few = step[3].endswith((" caps", " switches")) or " VIRTUAL TABLE " in step[3]
                assert not step[3].startswith("SCAN") or few, statement
