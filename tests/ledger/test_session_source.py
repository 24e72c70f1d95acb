"""Sessions out of agents' logs, beside those that were metered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.origin import Origin, RequestClass
from app.core.session import Part, SessionFilter, SessionId
from app.core.tags import Scope, Tags
from app.ledger import session_list
from app.ledger.engine import Ledger
from app.ledger.imported_calls import link_to_wire, store_calls
from app.ledger.session_calls import CallOrder, CallWish, session_calls
from app.ledger.session_list import PageWish, count_sessions, look_at_sessions, read_sessions
from tests.ledger.test_imported_calls import AT, logged, metered, put_on_wire

OLD = SessionId("s", "gemini", "shop", is_imported=True)


def put_logs(ledger: Ledger, *keys: str, session: str = "s", ago: timedelta = timedelta(0)) -> None:
    made = []
    for place, key in enumerate(keys):
        one = logged(key, response_id=key)
        at = AT - ago + timedelta(seconds=place)
        origin = Origin(RequestClass.SUB_AGENT, "a1") if key.startswith("sub") else one.call.origin
        tags = Tags("shop", "gemini", session=session)
        made.append(replace(one, call=replace(one.call, started_at=at, tags=tags, origin=origin)))
    store_calls(ledger, made)


def page(ledger: Ledger, wanted: SessionFilter, wish: PageWish) -> list[SessionId]:
    found = look_at_sessions(ledger, wanted, page=wish).page
    assert found is not None
    return [one.id for one in found.sessions]


def test_an_imported_session_stands_beside_the_metered_one_and_no_call_in_both(ledger: Ledger) -> None:
    put_logs(ledger, "r1", "r2", "sub3")
    put_on_wire(
        ledger,
        replace(
            metered("wire", response_id="r2", at=AT - timedelta(hours=1)), tags=Tags("shop", "gemini", session="s")
        ),
    )
    whole = read_sessions(ledger, [OLD])[0].whole
    assert (whole.calls, whole.cost_nano_usd, whole.tokens) == (3, 3_000, 3 * 1_050)
    before = look_at_sessions(ledger, SessionFilter()).news.imports
    assert link_to_wire(ledger, ["r2"]) == 1
    assert look_at_sessions(ledger, SessionFilter()).news.imports != before
    assert page(ledger, SessionFilter(), PageWish(10)) == [OLD, replace(OLD, is_imported=False)]
    assert {
        one.id.is_imported: one.whole.calls for one in read_sessions(ledger, [OLD, replace(OLD, is_imported=False)])
    } == {True: 2, False: 1}
    assert count_sessions(ledger, AT - timedelta(days=1)) == 2


def test_its_calls_are_told_newest_first_by_part_and_by_cost(ledger: Ledger) -> None:
    put_logs(ledger, "r1", "r2", "sub3")
    told = session_calls(ledger, OLD, CallWish(), 2)
    assert ([(one.number, one.call.response_id) for one in told.calls], told.count) == ([(3, "sub3"), (2, "r2")], 3)
    sub = session_calls(ledger, OLD, CallWish(Part("a1", RequestClass.SUB_AGENT), order=CallOrder.COST), 9)
    assert [(one.number, one.call.response_id) for one in sub.calls] == [(3, "sub3")]


def test_imported_sessions_are_searched_filtered_and_read_by_pages(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "FIRST_STEP", 3)
    for number in range(9):
        put_logs(ledger, f"r{number}", session=f"s{number}", ago=timedelta(days=number))
    put_on_wire(ledger, metered("wire", at=AT - timedelta(days=4)))
    every, reached, known = list[SessionId](), None, frozenset[SessionId]()
    while True:
        found = look_at_sessions(ledger, SessionFilter(), page=PageWish(2, reached, known)).page
        assert found is not None
        every += [one.id for one in found.sessions]
        known, reached = frozenset(every), found.reached
        if reached is None:
            break
    assert [one.session for one in every if one.is_imported] == [f"s{number}" for number in range(9)]
    assert [one.session for one in every if not one.is_imported] == ["s"]
    everything = PageWish(99)
    assert [one.session for one in page(ledger, SessionFilter("S7"), everything)] == ["s7"]
    assert len(page(ledger, SessionFilter(labels=((Scope.AGENT, "gemini"),)), everything)) == 9
    assert len(page(ledger, SessionFilter(is_imported=True), everything)) == 9
    assert [one.session for one in page(ledger, SessionFilter(is_imported=False), everything)] == ["s"]
    since = SessionFilter(since=AT - timedelta(days=2))
    assert [one.session for one in page(ledger, since, everything)] == ["s0", "s1", "s2"]
