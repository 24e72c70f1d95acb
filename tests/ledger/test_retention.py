import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.caps import Cap
from app.core.errors import InvalidInput
from app.core.history import LoggedCall, LogSource
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import cap_statuses, update_cap
from app.ledger.engine import Ledger
from app.ledger.imported_calls import store_calls
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.retention import compact, drop, droppable, limit_of
from app.ledger.rollup import roll_up
from app.ledger.spend import spend_between, spend_by
from app.ledger.tables import reservations
from app.ledger.tool_tables import tool_calls
from app.ledger.verification import repair_ledger, verify_ledger
from tests.ledger.bookkeeping import end, make_call, make_draft, reserve, set_cap, spend_money

NOW = datetime.now(UTC)
DAYS = 60
LIMIT = 10**15


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """A ledger with a hundred days of calls, all summed."""
    chance = random.Random(9)
    for _ in range(150):
        age = timedelta(days=chance.uniform(1, 100))
        project, model = chance.choice("ab"), chance.choice(["opus", "haiku"])
        spend_money(ledger, chance.randint(1, 10**9), at=NOW - age, project=project, model=model)
    sum_all(ledger)
    return ledger


def sum_all(ledger: Ledger) -> None:
    with ledger.write() as connection:
        roll_up(connection, 10_000)


def drop_old(ledger: Ledger) -> int:
    before, last, dropped = limit_of(NOW, DAYS), 0, 0
    while rows := droppable(ledger, before, last, most=7):
        with ledger.write() as connection:
            drop(connection, before, rows)
        last, dropped = rows[-1], dropped + len(rows)
    return dropped


def set_caps(ledger: Ledger) -> list[Cap]:
    return [
        set_cap(ledger, LIMIT),
        set_cap(ledger, LIMIT, scope=Scope.PROJECT, scope_key="a"),
        set_cap(ledger, LIMIT, scope=Scope.PROJECT, scope_key="*"),
        set_cap(ledger, LIMIT, scope=Scope.MODEL, scope_key="opus"),
        set_cap(ledger, LIMIT, window=Window.MONTH),
    ]


def spent(ledger: Ledger) -> dict[str, int]:
    return {status.cap.cap_id: status.spent_nano_usd for status in cap_statuses(ledger, NOW)}


def test_dropping_changes_no_cap_no_sum_and_nothing_that_is_derived(old: Ledger) -> None:
    caps, start = set_caps(old), NOW - timedelta(days=101)
    before = spent(old), spend_between(old, start, NOW), spend_by(old, Scope.PROJECT, start, NOW)

    dropped = drop_old(old)

    assert 0 < dropped < 150
    assert len(recent_calls(old, 1_000)) == 150 - dropped
    assert before == (spent(old), spend_between(old, start, NOW), spend_by(old, Scope.PROJECT, start, NOW))
    assert verify_ledger(old).differences == ()
    for cap in caps:
        update_cap(old, cap)  # counts its windows again
    assert spent(old) == before[0]


def test_a_cap_that_is_set_later_counts_what_was_dropped(old: Ledger) -> None:
    drop_old(old)
    added = spent_by_new_caps(old)
    assert added == [sum(added[1:3]), *added[1:]], "in all, and by project"
    assert added[0] == spend_between(old, NOW - timedelta(days=101), NOW).cost_nano_usd


def spent_by_new_caps(ledger: Ledger) -> list[int]:
    caps = [set_cap(ledger, LIMIT), *(set_cap(ledger, LIMIT, scope=Scope.PROJECT, scope_key=key) for key in "ab")]
    now = spent(ledger)
    return [now[cap.cap_id] for cap in caps]


def test_sums_that_differ_are_mended_without_those_of_dropped_calls(old: Ledger) -> None:
    start = NOW - timedelta(days=101)
    whole = spend_between(old, start, NOW)
    drop_old(old)
    repair_ledger(old)
    assert spend_between(old, start, NOW) == whole
    late = spend_money(old, 7, at=NOW - timedelta(days=2), project="a")
    sum_all(old)
    assert verify_ledger(old).differences == ()
    assert spend_between(old, start, NOW).cost_nano_usd == whole.cost_nano_usd + 7
    assert recent_calls(old, 1)[0].call_id == late.call_id


def test_what_sums_do_not_tell_is_kept_whatever_its_age(ledger: Ledger) -> None:
    at = NOW - timedelta(days=90)
    kept = {
        "uncertain": make_draft(10, at=at),
        "without a price": make_draft(10, at=at),
        "of a session that goes on": make_draft(10, at=at, session="s"),
    }
    for draft in kept.values():
        assert reserve(ledger, draft).is_admitted
    end(ledger, kept["uncertain"], 5, is_certain=False)
    end(ledger, kept["without a price"], None)
    end(ledger, kept["of a session that goes on"], 5)
    gone = spend_money(ledger, 5, at=at, session="over")
    spend_money(ledger, 5, at=NOW, session="s")
    sum_all(ledger)
    unsummed = spend_money(ledger, 5, at=at)
    before = {call.call_id for call in recent_calls(ledger)}

    assert drop_old(ledger) == 1

    assert before - {call.call_id for call in recent_calls(ledger)} == {gone.call_id}
    assert unsummed.call_id in {call.call_id for call in recent_calls(ledger)}
    with ledger.read() as connection:
        assert gone.call_id not in connection.execute(select(reservations.c.call_id)).scalars().all()
        assert connection.execute(select(tool_calls.c.call_id)).scalars().all() == []


def test_calls_of_another_model_than_asked_for_stay_while_a_cap_on_a_model_counts_for_ever(ledger: Ledger) -> None:
    draft = make_draft(10, at=NOW - timedelta(days=90))
    cap = set_cap(ledger, LIMIT, scope=Scope.MODEL, scope_key=draft.request_model)
    assert reserve(ledger, draft).is_admitted
    end(ledger, draft, 5, response_model="another")
    sum_all(ledger)
    assert drop_old(ledger) == 0
    update_cap(ledger, cap)
    assert spent(ledger) == {cap.cap_id: 5}


def test_a_log_of_dropped_calls_is_not_taken_in_again(old: Ledger) -> None:
    drop_old(old)
    draft = make_draft(10, at=NOW - timedelta(days=90))
    logged = LoggedCall(LogSource.CODEX, make_call(draft, 5))
    assert store_calls(old, [logged]).new == 0


def test_a_compact_ledger_is_smaller_and_the_same(old: Ledger) -> None:
    set_caps(old)
    before = spent(old)
    done = compact(old, NOW, DAYS)
    assert done.dropped > 0
    assert done.bytes_after < done.bytes_before
    assert (spent(old), verify_ledger(old).differences) == (before, ())


def test_a_ledger_that_a_meter_uses_is_not_made_smaller(ledger: Ledger) -> None:
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
    with pytest.raises(InvalidInput, match="meter is running"):
        compact(ledger, NOW, 0)
    lock.release()
