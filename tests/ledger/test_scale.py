"""What must not grow with the calls that a ledger holds: counted in SQLite's own steps, not in time.

Two ledgers agree in the last hour and differ in the past, which ended ten weeks ago: one has nine thousand old calls,
the other thirty thousand, an eighth of them on a branch that is worked on for years.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from app.core.session import SessionFilter
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.desktop.models.chart_range import ChartRange
from app.desktop.overview_reading import read_overview
from app.desktop.reading import read_snapshot
from app.desktop.session_reading import read_calls
from app.desktop.session_watch import PAGE
from app.keys.issue import issue_key
from app.ledger import budget, cap_store, loop_steps
from app.ledger.call_store import calls_of_key, recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.retention import droppable, limit_of
from app.ledger.running_sums import RunningSums
from app.ledger.session_calls import CallWish
from app.ledger.session_list import PageWish, look_at_sessions
from app.ledger.spend import spend_between, spend_by
from app.services.explanations import Against, explain_session
from tests.large_ledger import LATELY, make_large
from tests.ledger.bookkeeping import set_cap, spend_money

UTC_ZONE = ZoneInfo("UTC")
GAP = timedelta(days=70)
PAST = 9_000, 30_000
MOST, SLACK = 1.1, 300
"""The steps of a search in an index grow by the logarithm."""
EVERY = 10

type Ask = Callable[[], object]


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Ledger]]:
    """The small one and the large one."""
    made = []
    for past in PAST:
        file = tmp_path_factory.mktemp("scale") / "ledger.sqlite"
        make_large(file, LATELY + past, GAP)
        made.append(open_ledger(file, checkpoints=True))
    yield made
    for ledger in made:
        ledger.close()


def steps(ledger: Ledger, ask: Ask) -> int:
    """How many steps SQLite takes to answer, on whichever connections."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += EVERY
        return 0

    def watch(driver: sqlite3.Connection, *_: Any) -> None:
        driver.set_progress_handler(count, EVERY)

    event.listen(ledger.engine, "checkout", watch)
    try:
        ask()
    finally:
        event.remove(ledger.engine, "checkout", watch)
        ledger.close()  # the connections that count
    return counted


def admitted(ledger: Ledger) -> Ask:
    for scope, key in ((Scope.EVERYTHING, ""), (Scope.PROJECT, "p1"), (Scope.SESSION, "*")):
        for window in (Window.DAY, Window.MONTH):
            set_cap(ledger, 10**15, scope=scope, scope_key=key, window=window)

    def ask() -> None:
        spend_money(ledger, 10, tags=Tags(project="p1", agent="a1", task="main", session="s6"))

    ask()  # the first one opens the windows, and counts what is in them
    return ask


def fed(ledger: Ledger) -> Ask:
    sums, zone = RunningSums(), UTC_ZONE
    read_snapshot(ledger, datetime.now(UTC), zone, sums)  # the first one reads what there is
    return lambda: read_snapshot(ledger, datetime.now(UTC), zone, sums)


def of_a_new_key(ledger: Ledger, ask: Callable[[str], object]) -> Ask:
    key, _ = issue_key(ledger, name=f"key {datetime.now(UTC)}", tags=Tags(project="p1", agent="a1"))
    spend_money(ledger, 10, tags=Tags(project="p1", agent="a1", task="main", session="new", virtual_key_id=key.key_id))
    return lambda: ask(key.key_id)


def told_cost(ledger: Ledger, scope: Scope) -> Ask:
    def ask(key_id: str) -> None:
        with ledger.read() as connection:
            tags = Tags(task="main", session="new", virtual_key_id=key_id)
            assert budget.cost_of_label(connection, scope, tags) == 10

    return of_a_new_key(ledger, ask)


def looked_for_loops(ledger: Ledger) -> Ask:
    tags, now = Tags(project="p6", agent="a2", task="main", session="s6"), datetime.now(UTC)

    def ask() -> None:
        with ledger.read() as connection:
            loop_steps.calls_since(connection, tags, now - timedelta(days=1))
            loop_steps.spent_lately(connection, tags, now - timedelta(hours=1))
            loop_steps.turns_before(connection, f"{20_000_000:032x}", 20)

    return ask


def of_newest_session(ledger: Ledger, ask: Callable[[Any], object]) -> Ask:
    page = look_at_sessions(ledger, SessionFilter(), page=PageWish(PAGE)).page
    assert page is not None
    one = next(one for one in page.sessions if one.id.session and one.id.task != "main")
    return lambda: ask(one)


def overviewed(ledger: Ledger) -> Ask:
    known = ("a0", "a1", "a2", "a3", "")
    return lambda: read_overview(ledger, ChartRange.MONTH, datetime.now(UTC), UTC_ZONE, known)


def week(ledger: Ledger) -> tuple[Ledger, datetime, datetime]:
    return ledger, datetime.now(UTC) - timedelta(days=7), datetime.now(UTC)


QUESTIONS: dict[str, Callable[[Ledger], Ask]] = {
    "admission and settlement": admitted,
    "the tray's reading": fed,
    "what a session has cost, told with each answer": lambda ledger: told_cost(ledger, Scope.SESSION),
    "what a task has cost, told with each answer": lambda ledger: told_cost(ledger, Scope.TASK),
    "the receipt of a run": lambda ledger: of_a_new_key(ledger, lambda key: calls_of_key(ledger, key)),
    "a new key": lambda ledger: of_a_new_key(ledger, lambda key: issue_key(ledger, name=f"+{key}", tags=Tags())),
    "loops": looked_for_loops,
    "caps": lambda ledger: lambda: cap_store.cap_statuses(ledger, datetime.now(UTC)),
    "recent calls": lambda ledger: lambda: recent_calls(ledger, 200),
    "spend of a week": lambda ledger: lambda: spend_between(*week(ledger)),
    "spend of a week by session": lambda ledger: lambda: spend_by(ledger, Scope.SESSION, *week(ledger)[1:]),
    "overview of a month": overviewed,
    "calls of a session": lambda ledger: of_newest_session(
        ledger, lambda one: read_calls(ledger, one.id, CallWish(), 200)
    ),
    "explanation of a session": lambda ledger: of_newest_session(
        ledger, lambda one: explain_session(ledger, one, Against.TYPICAL)
    ),
    "nothing to drop": lambda ledger: lambda: droppable(ledger, limit_of(datetime.now(UTC), 800), 0),
    "old calls to drop": lambda ledger: lambda: droppable(ledger, limit_of(datetime.now(UTC), 60), 0, 50),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_costs_the_same_however_many_old_calls_there_are(ledgers: list[Ledger], name: str) -> None:
    small, large = (steps(ledger, QUESTIONS[name](ledger)) for ledger in ledgers)
    assert large <= small * MOST + SLACK


def test_what_does_grow_is_counted(ledgers: list[Ledger]) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=800)
    small, large = (steps(ledger, partial(spend_between, ledger, long_ago, datetime.now(UTC))) for ledger in ledgers)
    assert large > 2 * small > 0
