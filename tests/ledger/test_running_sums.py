from datetime import UTC, datetime, timedelta
from operator import add
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.tags import Scope
from app.ledger.engine import Ledger, open_ledger
from app.ledger.instants import QUARTER
from app.ledger.key_store import list_keys
from app.ledger.retention import drop, droppable
from app.ledger.rollup import roll_up
from app.ledger.running_sums import RunningSums
from app.ledger.spend import busiest_sessions, spend_between
from app.ledger.spend_sums import spend_question
from app.ledger.sum_questions import Question
from tests.ledger.bookkeeping import make_draft, reserve, spend_money

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ACTS = st.lists(
    st.tuples(st.sampled_from(["call", "old call", "later call", "roll up", "drop", "read"]), st.integers(1, 9)),
    max_size=14,
)


def act(ledger: Ledger, what: str, number: int) -> None:
    if what.endswith("call"):
        at = {"old call": NOON - DAY / 2, "later call": NOON + DAY}.get(what, NOON) + timedelta(minutes=number)
        spend_money(ledger, number, at=at, project=f"p{number % 2}", agent="a", session="s" * (number % 2))
    elif what == "roll up":
        with ledger.write() as connection:
            roll_up(connection, number)
    elif what == "drop" and (rows := droppable(ledger, NOON - QUARTER, 0)):
        with ledger.write() as connection:
            drop(connection, NOON - QUARTER, rows)


@given(ACTS)
@settings(max_examples=40, deadline=None)
def test_sums_that_run_on_are_those_that_are_read_anew(acts: list[tuple[str, int]]) -> None:
    asked = [spend_question(Scope.EVERYTHING), spend_question(Scope.PROJECT)]
    with TemporaryDirectory() as folder:
        ledger, sums = open_ledger(Path(folder) / "ledger.sqlite"), RunningSums()
        for what, number in acts:
            act(ledger, what, number)
            for question in asked:
                for start, end in ((NOON - DAY, NOON + DAY / 2), (NOON, NOON + DAY / 2)):
                    anew = RunningSums().answer(ledger, question, start, end)
                    assert sums.answer(ledger, question, start, end) == anew
        ledger.close()


def test_another_file_in_the_ledgers_place_is_read_anew(tmp_path: Path) -> None:
    ledger, sums = open_ledger(tmp_path / "ledger.sqlite"), RunningSums()
    other = open_ledger(tmp_path / "other.sqlite")
    for opened, cost in ((ledger, 10), (other, 7), (other, 8)):
        spend_money(opened, cost, at=NOON)
    assert spend_between(ledger, NOON, NOON + DAY, sums).cost_nano_usd == 10
    other.close()
    (tmp_path / "other.sqlite").replace(ledger.path)
    (tmp_path / "ledger.sqlite-wal").unlink(missing_ok=True)
    assert spend_between(ledger, NOON, NOON + DAY, sums).cost_nano_usd == 15
    ledger.close()


def test_answers_are_put_together_label_by_label() -> None:
    question = Question("project", ("project",), ("max(last_at)", "sum(number)"), (max, add))
    together = question.together({"a": (5, 1), "b": (2, 2)}, {"a": (3, 4), "c": (1, 1)})
    assert together == {"a": (5, 5), "b": (2, 2), "c": (1, 1)}


def test_calls_that_name_no_session_are_summed_by_agent_and_project(ledger: Ledger) -> None:
    sums = RunningSums()
    for cost, project in ((10, "p"), (None, "p"), (5, "q")):
        spend_money(ledger, cost, at=NOON, agent="a", project=project)
        with ledger.write() as connection:
            roll_up(connection, 1)
    reserve(ledger, make_draft(1, at=NOON, agent="a", project="p"))  # on its way: no call yet
    found = {one.project: one for one in busiest_sessions(ledger, NOON + QUARTER, within=DAY, sums=sums)}
    assert (found["p"].calls, found["p"].cost_nano_usd, found["p"].unpriced_calls) == (2, 10, 1)
    spend_money(ledger, 7, at=NOON + timedelta(minutes=1), agent="a", project="p")
    again = {one.project: one for one in busiest_sessions(ledger, NOON + QUARTER, within=DAY, sums=sums)}
    assert (again["p"].calls, again["p"].last_call_at) == (3, NOON + timedelta(minutes=1))
    assert again["q"] == found["q"]
    assert list_keys(ledger, sums=sums) == []
