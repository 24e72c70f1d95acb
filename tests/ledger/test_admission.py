import json
from datetime import UTC, datetime, timedelta

import pytest

from app.core.caps import Action, Cap, scope_value
from app.core.money import MAX_CALL_NANO_USD, MAX_NANO_USD
from app.core.reservations import Refusal, Verdict
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger import meter_state
from app.ledger.engine import Ledger
from app.ledger.spend import spend_between
from tests.ledger.bookkeeping import (
    derived_totals,
    end,
    make_draft,
    money_in,
    reserve,
    set_cap,
    spend_money,
    status_of,
    void_call,
    written_totals,
)
from tests.ledger.conftest import StartProcess

LABELLED = Tags("p", "a", "u", "t", "k", "s", "v")
ODD_LABELS = ["", "*", "'; DROP TABLE caps; --", "%", "\x00", "\ud800", "null", "é" * 9_999, "🙂|"]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def refusals(verdict: Verdict) -> list[tuple[str, Refusal]]:
    return [(obstacle.cap_id, obstacle.refusal) for obstacle in verdict.obstacles]


def test_without_caps_every_call_goes(ledger: Ledger) -> None:
    assert reserve(ledger, make_draft(10**15)).is_admitted
    assert reserve(ledger, make_draft(None)).is_admitted


def test_a_call_may_use_a_cap_to_its_last_nano_dollar_and_no_further(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    assert reserve(ledger, make_draft(100)).is_admitted
    assert money_in(ledger, cap) == (0, 100)
    assert refusals(reserve(ledger, make_draft(1))) == [(cap.cap_id, Refusal.CONTENDED)]


def test_money_is_held_in_every_cap_or_in_none(ledger: Ledger) -> None:
    wide = [set_cap(ledger, 1_000, window=window) for window in (Window.DAY, Window.TOTAL)]
    alert = set_cap(ledger, 1, window=Window.MONTH, action=Action.ALERT)
    tight = set_cap(ledger, 50, scope=Scope.PROJECT, scope_key="billing")
    other = set_cap(ledger, 1_000, scope=Scope.PROJECT, scope_key="other")

    assert refusals(reserve(ledger, make_draft(60, project="billing"))) == [(tight.cap_id, Refusal.EXHAUSTED)]
    assert [money_in(ledger, cap) for cap in (*wide, alert, tight)] == [(0, 0)] * 4

    assert reserve(ledger, make_draft(40, project="billing")).is_admitted
    assert [money_in(ledger, cap) for cap in (*wide, alert, tight)] == [(0, 40)] * 4
    assert money_in(ledger, other) == (0, 0)


def test_only_money_that_is_spent_makes_a_cap_exhausted(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    first = make_draft(90)
    assert reserve(ledger, first).is_admitted
    assert refusals(reserve(ledger, make_draft(20))) == [(cap.cap_id, Refusal.CONTENDED)]
    assert refusals(reserve(ledger, make_draft(101))) == [(cap.cap_id, Refusal.EXHAUSTED)], "it never fits"
    end(ledger, first, 81)
    assert refusals(reserve(ledger, make_draft(20))) == [(cap.cap_id, Refusal.EXHAUSTED)]
    assert reserve(ledger, make_draft(19)).is_admitted


def test_what_is_used_up_is_told_before_what_is_only_taken(ledger: Ledger) -> None:
    taken = set_cap(ledger, 100)
    used_up = set_cap(ledger, 10, window=Window.DAY, action=Action.PAUSE)
    assert reserve(ledger, make_draft(5)).is_admitted
    verdict = reserve(ledger, make_draft(98))
    assert refusals(verdict) == [(used_up.cap_id, Refusal.EXHAUSTED), (taken.cap_id, Refusal.CONTENDED)]
    first, second = verdict.obstacles
    assert (first.cap_name, first.asks_person, second.asks_person) == ("Everything, today", True, False)
    assert (first.spent_nano_usd, first.held_nano_usd, first.limit_nano_usd) == (0, 5, 10)
    assert first.resets_at is not None
    assert second.resets_at is None


def test_a_call_without_a_cost_passes_a_cap_that_is_just_reached_but_not_one_that_was_passed(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    spend_money(ledger, 100)
    assert reserve(ledger, make_draft(0)).is_admitted
    spend_money(ledger, 1)
    assert refusals(reserve(ledger, make_draft(0))) == [(cap.cap_id, Refusal.EXHAUSTED)]


def test_an_alert_cap_never_stops_a_call(ledger: Ledger) -> None:
    cap = set_cap(ledger, 1, action=Action.ALERT)
    for _ in range(3):
        assert reserve(ledger, make_draft(1_000)).is_admitted
    assert reserve(ledger, make_draft(None)).is_admitted
    assert money_in(ledger, cap) == (0, 3_000)


def test_a_call_without_a_price_meets_every_hard_cap(ledger: Ledger) -> None:
    hard = set_cap(ledger, 10**9)
    set_cap(ledger, 10**9, window=Window.DAY, action=Action.ALERT)
    assert refusals(reserve(ledger, make_draft(None))) == [(hard.cap_id, Refusal.UNPRICED)]
    assert written_totals(ledger) == derived_totals(ledger)


def test_an_approved_call_goes_past_that_cap_and_past_no_other(ledger: Ledger) -> None:
    day, total = set_cap(ledger, 10, window=Window.DAY), set_cap(ledger, 1_000)
    draft = make_draft(500)
    excused = frozenset({(day.cap_id, day.span(draft.at, draft.payer).key)})
    assert reserve(ledger, draft, excused=excused).is_admitted
    assert [money_in(ledger, cap) for cap in (day, total)] == [(0, 500), (0, 500)]

    dearer = make_draft(600)
    assert refusals(reserve(ledger, dearer, excused=excused)) == [(total.cap_id, Refusal.CONTENDED)]
    yesterday = frozenset({(day.cap_id, "2020-01-01")})
    assert not reserve(ledger, make_draft(1), excused=yesterday).is_admitted
    unpriced = excused | {(total.cap_id, "total")}
    assert reserve(ledger, make_draft(None), excused=unpriced).is_admitted


def test_nothing_goes_while_everything_is_paused(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    meter_state.pause_everything(ledger, by="ada")
    verdict = reserve(ledger, make_draft(1))
    assert (verdict.is_paused, verdict.is_admitted, verdict.obstacles) == (True, False, ())
    meter_state.resume(ledger, by="ada")
    assert reserve(ledger, make_draft(1)).is_admitted


def test_each_one_of_a_scope_has_room_of_its_own(ledger: Ledger) -> None:
    each = set_cap(ledger, 100, scope=Scope.AGENT, scope_key="*", window=Window.SESSION)
    for agent, session in (("a", "1"), ("a", "2"), ("b", "1"), ("a|1", "1"), ("1", "1|a")):
        assert reserve(ledger, make_draft(100, agent=agent, session=session)).is_admitted
        assert not reserve(ledger, make_draft(1, agent=agent, session=session)).is_admitted
    assert reserve(ledger, make_draft(500, agent="a")).is_admitted, "a session cap says nothing of calls without one"
    assert len(written_totals(ledger)) == 5
    assert status_of(ledger, each).held_nano_usd == 100


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.EVERYTHING])
@pytest.mark.parametrize("is_for_each", [False, True])
def test_a_cap_of_every_kind_holds_and_counts_anew(ledger: Ledger, scope: Scope, is_for_each: bool) -> None:
    before, running = make_draft(30, tags=LABELLED), make_draft(40, tags=LABELLED)
    assert reserve(ledger, before).is_admitted
    end(ledger, before, 25)
    assert reserve(ledger, running).is_admitted

    scope_key = "*" if is_for_each else scope_value(scope, running.payer)
    caps = [set_cap(ledger, 100, scope=scope, scope_key=scope_key, window=window) for window in Window]

    for worst, refusal in ((36, Refusal.CONTENDED), (76, Refusal.EXHAUSTED)):
        verdict = reserve(ledger, make_draft(worst, tags=LABELLED))
        assert refusals(verdict) == [(cap.cap_id, refusal) for cap in caps]
    assert reserve(ledger, make_draft(35, tags=LABELLED)).is_admitted
    assert {money_in(ledger, cap) for cap in caps} == {(25, 75)}
    end(ledger, running, 40)
    assert {money_in(ledger, cap) for cap in caps} == {(65, 35)}
    assert written_totals(ledger) == derived_totals(ledger)


@pytest.mark.parametrize("label", ODD_LABELS)
def test_no_name_stops_the_ledger_or_gets_past_a_cap(ledger: Ledger, label: str) -> None:
    cap = set_cap(ledger, 100)
    each = set_cap(ledger, 100, scope=Scope.MODEL, scope_key="*")
    named = make_draft(100, model=label, tags=Tags().labelled(label, label))
    assert reserve(ledger, named).is_admitted
    assert cap.cap_id in dict(refusals(reserve(ledger, make_draft(1, model=label))))
    assert end(ledger, named, 100, response_model=label, response_id=label, error_type=label)
    assert money_in(ledger, cap) == (100, 0)
    if named.request_model:
        assert money_in(ledger, each) == (100, 0)
    assert written_totals(ledger) == derived_totals(ledger)


def test_amounts_beyond_all_sense_are_held_bounded_and_given_back(ledger: Ledger) -> None:
    hard, soft = set_cap(ledger, MAX_NANO_USD), set_cap(ledger, 1, window=Window.DAY, action=Action.ALERT)
    drafts = [make_draft(10**40) for _ in range(20)]
    assert all(reserve(ledger, draft).is_admitted for draft in drafts)
    assert money_in(ledger, hard) == money_in(ledger, soft) == (0, 20 * MAX_CALL_NANO_USD)
    for draft in drafts[:10]:
        assert end(ledger, draft, 10**40)
    for draft in drafts[10:]:
        assert void_call(ledger, draft)
    assert money_in(ledger, hard) == money_in(ledger, soft) == (10 * MAX_CALL_NANO_USD, 0)
    assert written_totals(ledger) == derived_totals(ledger)


def test_a_cap_under_a_million_dollars_refuses_an_amount_beyond_sense(ledger: Ledger) -> None:
    cap = set_cap(ledger, MAX_CALL_NANO_USD - 1)
    assert refusals(reserve(ledger, make_draft(10**40))) == [(cap.cap_id, Refusal.EXHAUSTED)]


def test_many_caps_on_one_call_hold_together(ledger: Ledger) -> None:
    made: list[Cap] = []
    payer = make_draft(tags=LABELLED).payer
    for scope in (Scope.PROJECT, Scope.AGENT, Scope.USER, Scope.TEAM, Scope.TASK, Scope.SESSION, Scope.VIRTUAL_KEY):
        for key in (scope_value(scope, payer), "*"):
            made += [set_cap(ledger, 100, scope=scope, scope_key=key, window=window) for window in Window]
    made += [set_cap(ledger, 100, window=window) for window in Window]
    assert reserve(ledger, make_draft(60, tags=LABELLED)).is_admitted
    assert len(refusals(reserve(ledger, make_draft(41, tags=LABELLED)))) == len(made) == 75
    assert {total.held for total in written_totals(ledger).values()} == {60}


def test_a_window_begins_empty_and_the_one_before_keeps_what_it_has(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, window=Window.DAY)
    late, early = NOON.replace(hour=23, minute=59), NOON + timedelta(hours=12)
    assert reserve(ledger, make_draft(100, at=late)).is_admitted
    assert not reserve(ledger, make_draft(1, at=late)).is_admitted
    assert reserve(ledger, make_draft(100, at=early)).is_admitted
    assert [money_in(ledger, cap, at) for at in (late, early)] == [(0, 100), (0, 100)]


def test_eighty_writers_race_to_the_last_dollar_and_never_past_it(ledger: Ledger, start_process: StartProcess) -> None:
    cap = set_cap(ledger, 1_000_000)
    second = set_cap(ledger, 1_000_000, scope=Scope.PROVIDER, scope_key="anthropic")
    racers = [start_process("race", ledger.path, seed) for seed in range(8)]
    spent = [json.loads(racer.communicate(timeout=100)[0]) for racer in racers]

    assert 950_000 <= sum(spent) <= 1_000_000
    assert money_in(ledger, cap) == money_in(ledger, second) == (sum(spent), 0)
    day = timedelta(days=1)
    now = datetime.now(UTC)
    assert spend_between(ledger, now - day, now + day).cost_nano_usd == sum(spent)
    assert written_totals(ledger) == derived_totals(ledger)
