import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from app.core.session import Part, SessionFilter, SessionId
from app.core.tags import Billing, Scope, Tags
from app.core.usage import Usage
from app.ledger import session_list
from app.ledger.engine import Ledger
from app.ledger.rows import call_columns
from app.ledger.session_calls import CallOrder, CallWish, session_calls
from app.ledger.session_list import (
    PageWish,
    count_sessions,
    earlier_runs,
    look_at_sessions,
    read_session_labels,
    read_sessions,
)
from app.ledger.tables import calls

START = datetime(2026, 11, 1, tzinfo=UTC)
EXPLORE = Origin(RequestClass.SUB_AGENT, "a1", "", "Explore")
TITLE = Origin(RequestClass.TITLE)


class Writer:
    """Writes calls straight into the table, one a minute."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.count = 0

    def write(
        self, session: str, cost: int | None = 1_000, *, minute: int | None = None, task: str = "",
        agent: str = "Codex", project: str = "shop", origin: Origin = MAIN_ORIGIN, outcome: Outcome = Outcome.COMPLETED,
        model: str = "gpt-5", billing: Billing = Billing.API, tokens: int = 100,
    ) -> SessionId:  # fmt: skip
        self.count += 1
        at = START + timedelta(minutes=self.count if minute is None else minute)
        call = Call(
            f"{self.count:032x}", at, "openai", ApiShape.OPENAI_CHAT, "chat", model,
            Tags(project, agent, "", "", task, session), outcome, Usage(input_tokens=tokens, output_tokens=10), cost,
            Basis.UNPRICED if cost is None else Basis.TABLE, billing=billing, origin=origin,
        )  # fmt: skip
        with self.ledger.write() as connection:
            connection.execute(insert(calls), call_columns(call, cost or 0))
        return SessionId(session, agent, project, task)


@pytest.fixture
def writer(ledger: Ledger) -> Writer:
    return Writer(ledger)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_list, "FIRST_STEP", 3)


def names(ledger: Ledger, wanted: SessionFilter = SessionFilter(), limit: int = 100) -> list[str]:  # noqa: B008
    page = look_at_sessions(ledger, wanted, page=PageWish(limit)).page
    assert page is not None
    return [one.id.session for one in page.sessions]


def pages(ledger: Ledger, wanted: SessionFilter, limit: int) -> Iterator[list[SessionId]]:
    before, known = None, frozenset[SessionId]()
    while True:
        page = look_at_sessions(ledger, wanted, page=PageWish(limit, before, known)).page
        assert page is not None
        yield [one.id for one in page.sessions]
        if page.reached is None:
            return
        before, known = page.reached, known | {one.id for one in page.sessions}


def test_a_session_is_the_sum_of_its_parts(ledger: Ledger, writer: Writer) -> None:
    one = writer.write("s", 500)
    writer.write("s", 300, origin=EXPLORE)
    writer.write("s", None, origin=EXPLORE)
    writer.write("s", 7, origin=TITLE)
    writer.write("s", 90, billing=Billing.SUBSCRIPTION)
    writer.write("s", 0, outcome=Outcome.REFUSED)
    writer.write("another", 1)
    (found,) = read_sessions(ledger, [one])
    whole = found.whole
    assert (whole.calls, whole.refused_calls, whole.cost_nano_usd, whole.subscription_nano_usd) == (5, 1, 807, 90)
    assert (whole.unpriced_calls, whole.tokens) == (1, 6 * 110)
    assert found.last_at == START + timedelta(minutes=6)
    parts = {part.origin: part for part in found.parts}
    assert (parts[EXPLORE].calls, parts[EXPLORE].cost_nano_usd, parts[EXPLORE].unpriced_calls) == (2, 300, 1)
    assert parts[TITLE].cost_nano_usd == 7


def test_calls_without_a_session_are_one_by_agent_project_and_task(ledger: Ledger, writer: Writer) -> None:
    first = writer.write("", task="night")
    writer.write("", task="day")
    writer.write("", task="night")
    found = {one.id: one.whole.calls for one in read_sessions(ledger, [first, SessionId("", "Codex", "shop", "day")])}
    assert found == {first: 2, SessionId("", "Codex", "shop", "day"): 1}


@pytest.mark.usefixtures("small_steps")
def test_pages_hold_every_session_once_newest_first(ledger: Ledger, writer: Writer) -> None:
    dice = random.Random(3)
    newest: dict[SessionId, int] = {}
    for number in range(1, 121):
        newest[writer.write(f"s{dice.randrange(25)}")] = number
    expected = sorted(newest, key=lambda one: -newest[one])
    for limit in (1, 4, 25, 100):
        assert [one for page in pages(ledger, SessionFilter(), limit) for one in page] == expected


@pytest.mark.usefixtures("small_steps")
def test_sessions_are_found_by_words_labels_and_names(ledger: Ledger, writer: Writer) -> None:
    writer.write("s-1", task="Fix retry on 429", agent="Claude Code", project="billing-api")
    writer.write("s-2", task="fix the 100% build", agent="Codex", model="gpt-6")
    writer.write("s-3", task="rename", agent="Codex")
    assert names(ledger, SessionFilter("FIX")) == ["s-2", "s-1"]
    assert names(ledger, SessionFilter("fix claude")) == ["s-1"]
    assert names(ledger, SessionFilter("0%")) == ["s-2"]
    assert names(ledger, SessionFilter("_")) == []
    assert names(ledger, SessionFilter(labels=((Scope.AGENT, "Codex"),))) == ["s-3", "s-2"]
    assert names(ledger, SessionFilter(labels=((Scope.MODEL, "gpt-6"),))) == ["s-2"]
    assert names(ledger, SessionFilter(sessions=frozenset({"s-1", "s-9"}))) == ["s-1"]
    assert names(ledger, SessionFilter(since=START + timedelta(minutes=3))) == ["s-3"]
    assert names(ledger, SessionFilter("nowhere")) == []


@pytest.mark.usefixtures("small_steps")
def test_a_search_that_nobody_waits_for_any_more_ends(ledger: Ledger, writer: Writer) -> None:
    for number in range(40):
        writer.write(f"s{number}")
    page = look_at_sessions(ledger, SessionFilter(), page=PageWish(100), go_on=lambda: False).page
    assert page is not None
    assert 0 < len(page.sessions) < 40
    assert page.reached is not None


def test_news_add_up_to_what_a_new_reading_says(ledger: Ledger, writer: Writer) -> None:
    one = writer.write("s", 5)
    look = look_at_sessions(ledger, SessionFilter("shop"), page=PageWish(10))
    assert look.page is not None
    (session,) = look.page.sessions
    writer.write("s", 40, minute=0)  # began before all others, and ended last
    writer.write("s", None, origin=EXPLORE)
    other = writer.write("t", 1, project="elsewhere")
    late = writer.write("u", 2)
    news = look_at_sessions(ledger, SessionFilter("shop"), seen=look.news.seen, known=frozenset({one}))
    assert session.plus(news.news.added[one]) == read_sessions(ledger, [one])[0]
    assert news.news.matching == {one, late}
    assert other in news.news.added
    assert [found.id for found in news.unknown] == [late]
    again = look_at_sessions(ledger, SessionFilter(), seen=news.news.seen)
    assert (again.news.added, again.news.matching, again.page) == ({}, frozenset(), None)


def test_sessions_of_today_and_their_names_are_told(ledger: Ledger, writer: Writer) -> None:
    writer.write("a", agent="Codex", project="")
    writer.write("b", agent="aider", project="zoo")
    writer.write("b", agent="aider", project="zoo")
    assert count_sessions(ledger, START) == 2
    assert count_sessions(ledger, START + timedelta(minutes=2)) == 1
    assert read_session_labels(ledger) == (("aider", "Codex"), ("zoo",))


def test_earlier_runs_of_a_task_are_known(ledger: Ledger, writer: Writer) -> None:
    first, second = writer.write("s1", task="tests"), writer.write("s2", task="tests")
    third = writer.write("s3", task="tests")
    writer.write("s0", task="tests", agent="aider")
    began = START + timedelta(minutes=3)
    assert earlier_runs(ledger, third, began, 5) == [second, first]
    assert earlier_runs(ledger, third, began, 1) == [second]
    assert earlier_runs(ledger, SessionId("s", "Codex", "shop", ""), began, 5) == []


def test_calls_of_a_session_are_numbered_by_time_and_come_in_the_order_asked_for(
    ledger: Ledger, writer: Writer
) -> None:
    one = writer.write("s", 5, tokens=10)
    writer.write("s", 90, tokens=500, origin=EXPLORE)
    writer.write("other", 1)
    writer.write("s", 7, tokens=50, outcome=Outcome.FAILED)
    everything = session_calls(ledger, one, CallWish(), 2)
    assert [(call.number, call.call.cost_nano_usd) for call in everything.calls] == [(3, 7), (2, 90)]
    assert everything.count == 3

    def numbers(wish: CallWish) -> list[int]:
        found = session_calls(ledger, one, wish, 10)
        assert found.count == len(found.calls)
        return [call.number for call in found.calls]

    assert numbers(CallWish(order=CallOrder.INPUT)) == [2, 3, 1]
    assert numbers(CallWish(outcome=Outcome.FAILED)) == [3]
    assert numbers(CallWish(part=Part("a1", RequestClass.SUB_AGENT))) == [2]
    assert numbers(CallWish(part=Part(), outcome=Outcome.COMPLETED, order=CallOrder.COST)) == [1]
