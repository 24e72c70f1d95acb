from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.caps import Action
from app.core.errors import InvalidInput
from app.core.money import MAX_NANO_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.cap_store import (
    Level,
    cap_statuses,
    list_caps,
    remove_cap,
    restore_cap,
    roll_windows,
    update_cap,
)
from app.ledger.engine import Ledger
from app.ledger.raise_store import raise_window
from tests.ledger.bookkeeping import (
    derived_totals,
    end,
    make_draft,
    money_in,
    reserve,
    set_cap,
    spend_money,
    status_of,
    written_totals,
)


def test_a_cap_is_read_back_as_it_was_set(ledger: Ledger) -> None:
    cap = set_cap(
        ledger, 7, scope=Scope.PROJECT, scope_key="billing", window=Window.WEEK, action=Action.ALERT,
        alert_percents=(90, 50), time_zone="Asia/Tokyo", week_start=6,
    )  # fmt: skip
    assert list_caps(ledger) == [replace(cap, alert_percents=(50, 90))]
    quiet = set_cap(ledger, 7, alert_percents=())
    assert list_caps(ledger)[1] == quiet


@pytest.mark.parametrize(
    "values",
    [
        {"limit": 0},
        {"limit": -5},
        {"limit": MAX_NANO_USD + 1},
        {"alert_percents": (0,)},
        {"alert_percents": (80, 101)},
        {"time_zone": "Mars/Olympus"},
        {"scope": Scope.PROJECT, "scope_key": ""},
        {"scope": Scope.PROJECT, "scope_key": " \n"},
        {"scope": Scope.EVERYTHING, "scope_key": "billing"},
    ],
)
def test_a_cap_that_cannot_mean_anything_is_refused(ledger: Ledger, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        set_cap(ledger, **({"limit": 5} | values))
    assert list_caps(ledger) == []
    good = set_cap(ledger, 5)
    changes = {"limit_nano_usd" if name == "limit" else name: value for name, value in values.items()}
    if changes.get("scope_key") != " \n":
        with pytest.raises(InvalidInput):
            update_cap(ledger, replace(good, **changes))
    assert list_caps(ledger) == [good]


def test_the_largest_limit_is_a_limit(ledger: Ledger) -> None:
    cap = set_cap(ledger, MAX_NANO_USD)
    spend_money(ledger, 5)
    assert status_of(ledger, cap).level is Level.FINE


def test_two_caps_never_say_the_same(ledger: Ledger) -> None:
    first = set_cap(ledger, 5, scope=Scope.PROJECT, scope_key="billing")
    with pytest.raises(InvalidInput, match="billing, in total"):
        set_cap(ledger, 9, scope=Scope.PROJECT, scope_key=" billing ", action=Action.ALERT)
    other = set_cap(ledger, 9, scope=Scope.PROJECT, scope_key="other")
    with pytest.raises(InvalidInput, match="already"):
        update_cap(ledger, replace(other, scope_key="billing"))
    remove_cap(ledger, first.cap_id)
    set_cap(ledger, 9, scope=Scope.PROJECT, scope_key="billing")
    with pytest.raises(InvalidInput, match="already"):
        restore_cap(ledger, first.cap_id)


def test_a_scope_key_is_cleaned_as_labels_are(ledger: Ledger) -> None:
    label = "two\n  lines\u202e"
    cap = set_cap(ledger, 100, scope=Scope.TASK, scope_key=label)
    assert reserve(ledger, make_draft(60, tags=Tags().labelled(task=label))).is_admitted
    assert money_in(ledger, cap) == (0, 60)


def test_a_cap_set_in_mid_window_counts_what_is_spent_and_what_is_on_its_way(ledger: Ledger) -> None:
    spend_money(ledger, 30, project="billing")
    spend_money(ledger, 500, project="other")
    spend_money(ledger, 700, project="billing", at=datetime.now(UTC) - timedelta(days=40))
    spend_money(ledger, None, project="billing")
    running = make_draft(20, project="billing")
    reserve(ledger, running)
    cap = set_cap(ledger, 100, scope=Scope.PROJECT, scope_key="billing", window=Window.MONTH)
    assert money_in(ledger, cap) == (30, 20)
    assert status_of(ledger, cap).unpriced_calls == 1
    end(ledger, running, 15)
    assert money_in(ledger, cap) == (45, 0)


def test_an_edit_takes_effect_at_once_and_takes_a_raise_back(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    spend_money(ledger, 90)
    raise_window(ledger, cap.cap_id, "total", 500)
    assert reserve(ledger, make_draft(60)).is_admitted
    update_cap(ledger, replace(cap, limit_nano_usd=200))
    status = status_of(ledger, cap)
    assert (status.spent_nano_usd, status.held_nano_usd, status.limit_nano_usd) == (90, 60, 200)
    update_cap(ledger, replace(cap, limit_nano_usd=50))
    assert status_of(ledger, cap).level is Level.AT
    assert not reserve(ledger, make_draft(0)).is_admitted


def test_a_cap_may_come_to_apply_to_somebody_else(ledger: Ledger) -> None:
    spend_money(ledger, 30, project="a")
    spend_money(ledger, 40, project="b")
    cap = set_cap(ledger, 100, scope=Scope.PROJECT, scope_key="a")
    running = make_draft(5, project="b")
    reserve(ledger, running)
    update_cap(ledger, replace(cap, scope_key="b", time_zone="Asia/Tokyo"))
    assert money_in(ledger, cap) == (40, 5)
    end(ledger, running, 5)
    assert money_in(ledger, cap) == (45, 0)


def test_a_removed_cap_stops_nothing_and_knows_everything_when_it_is_back(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    spend_money(ledger, 60)
    remove_cap(ledger, cap.cap_id)
    assert list_caps(ledger) == []
    running = make_draft(70)
    assert reserve(ledger, running).is_admitted
    spend_money(ledger, 30)
    with pytest.raises(InvalidInput, match="No such cap"):
        update_cap(ledger, cap)

    restore_cap(ledger, cap.cap_id)

    assert money_in(ledger, cap) == (90, 70)
    end(ledger, running, 1)
    assert written_totals(ledger) == derived_totals(ledger)
    with pytest.raises(InvalidInput, match="No such cap"):
        restore_cap(ledger, "unheard of")


def test_a_raise_holds_for_its_window_only(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY)
    now = datetime.now(UTC)
    today = status_of(ledger, cap, now).window_key
    assert not reserve(ledger, make_draft(150, at=now)).is_admitted
    raise_window(ledger, cap.cap_id, today, 150)
    assert reserve(ledger, make_draft(150, at=now)).is_admitted
    tomorrow = now + timedelta(days=1)
    assert not reserve(ledger, make_draft(150, at=tomorrow)).is_admitted
    assert status_of(ledger, cap, tomorrow).limit_nano_usd == 100
    assert status_of(ledger, cap, now).limit_nano_usd == 150


@pytest.mark.parametrize("limit", [0, -1, 99, 100, MAX_NANO_USD + 1])
def test_a_raise_goes_up(ledger: Ledger, limit: int) -> None:
    cap = set_cap(ledger, 100)
    with pytest.raises(InvalidInput, match="Not a raise"):
        raise_window(ledger, cap.cap_id, "total", limit)


def test_a_window_that_is_over_is_not_raised(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY)
    spend_money(ledger, 5, at=datetime.now(UTC) - timedelta(days=3))
    for key in written_totals(ledger).keys() - {(cap.cap_id, status_of(ledger, cap).window_key)}:
        with pytest.raises(InvalidInput, match="over"):
            raise_window(ledger, *key, 500)
    with pytest.raises(InvalidInput, match="over"):
        raise_window(ledger, cap.cap_id, "2020-01-01", 500)


def test_caps_stand_tightest_first_with_their_level(ledger: Ledger) -> None:
    fine = set_cap(ledger, 1_000)
    near = set_cap(ledger, 100, window=Window.MONTH)
    passed = set_cap(ledger, 50, window=Window.WEEK)
    spend_money(ledger, 80)
    statuses = cap_statuses(ledger, datetime.now(UTC))
    assert [status.cap.cap_id for status in statuses] == [passed.cap_id, near.cap_id, fine.cap_id]
    assert [status.level for status in statuses] == [Level.AT, Level.NEAR, Level.FINE]
    assert [status.remaining_nano_usd for status in statuses] == [0, 20, 920]
    assert statuses[0].share == 1.6


def test_a_cap_for_each_shows_its_tightest_running_window(ledger: Ledger) -> None:
    each = set_cap(ledger, 100, scope=Scope.AGENT, scope_key="*", window=Window.DAY)
    now = datetime.now(UTC)
    assert status_of(ledger, each, now).spent_nano_usd == 0
    spend_money(ledger, 90, agent="old", at=now - timedelta(days=2))
    spend_money(ledger, 20, agent="a", at=now)
    spend_money(ledger, 30, agent="b", at=now)
    status = status_of(ledger, each, now)
    assert (status.spent_nano_usd, status.window_key.partition("|")[2]) == (30, "b")


def test_a_new_day_stands_there_before_its_first_call(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY)
    set_cap(ledger, 100, scope=Scope.AGENT, scope_key="*")
    set_cap(ledger, 100, window=Window.SESSION)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for _ in range(2):
        roll_windows(ledger, tomorrow)
    assert len(written_totals(ledger)) == 2
    assert (cap.cap_id, f"{tomorrow:%Y-%m-%d}") in written_totals(ledger)


def test_a_status_tells_what_is_spent_before_its_window_is_opened(ledger: Ledger) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    spend_money(ledger, 33, at=tomorrow)
    cap = set_cap(ledger, 100, window=Window.DAY)
    assert status_of(ledger, cap, tomorrow).spent_nano_usd == 33


def test_a_call_on_the_stroke_of_midnight_counts_in_the_new_day(ledger: Ledger) -> None:
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    before = midnight - timedelta(microseconds=1)
    spend_money(ledger, 7, at=before)
    spend_money(ledger, 5, at=midnight)
    cap = set_cap(ledger, 100, window=Window.DAY, time_zone="Europe/Berlin")
    assert [money_in(ledger, cap, at)[0] for at in (before, midnight)] == [7, 5]


def test_caps_are_listed_oldest_first(ledger: Ledger) -> None:
    made = [set_cap(ledger, number + 1, scope=Scope.TASK, scope_key=str(number)) for number in range(3)]
    assert list_caps(ledger) == made
