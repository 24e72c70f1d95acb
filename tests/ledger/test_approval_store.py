from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.core.caps import Action
from app.core.errors import InvalidInput
from app.ledger.approval_store import (
    Approval,
    ApprovalState,
    answered,
    approve,
    approve_all,
    ask,
    close,
    close_questions,
    refuse,
    refuse_all,
    state_of,
    waiting,
)
from app.ledger.engine import Ledger
from tests.ledger.bookkeeping import make_draft, reserve, set_cap, spend_money


def ask_person(ledger: Ledger, *, worst: int | None = 60, instance: str = "meter", at: datetime | None = None) -> str:
    """A call that meets a used-up cap, and the question it raises."""
    draft = make_draft(worst, project="billing", at=at)
    obstacle = reserve(ledger, draft, instance=instance).obstacles[0]
    with ledger.write() as connection:
        return ask(connection, draft, obstacle, instance, draft.at + timedelta(minutes=10))


@pytest.fixture
def used_up(ledger: Ledger) -> Ledger:
    set_cap(ledger, 100, action=Action.PAUSE)
    spend_money(ledger, 90)
    return ledger


def only(found: list[Approval]) -> Approval:
    [approval] = found
    return approval


def test_a_question_tells_who_asks_for_how_much_and_why(used_up: Ledger) -> None:
    approval_id = ask_person(used_up)
    question = only(waiting(used_up))
    assert question.approval_id == approval_id
    assert (question.tags.project, question.provider, question.model) == ("billing", "anthropic", "opus")
    assert (question.worst_nano_usd, question.spent_nano_usd, question.limit_nano_usd) == (60, 90, 100)
    assert question.cap_name == "Everything, in total"
    assert question.expires_at - question.asked_at == timedelta(minutes=10)
    assert (question.state, question.answered_at, question.answered_by) == (ApprovalState.WAITING, None, "")


def test_a_question_about_an_unknown_price_says_so(used_up: Ledger) -> None:
    ask_person(used_up, worst=None)
    assert only(waiting(used_up)).worst_nano_usd is None


@pytest.mark.parametrize(
    ("answer", "state"), [(approve, ApprovalState.APPROVED), (refuse, ApprovalState.REFUSED)], ids=["approve", "refuse"]
)
def test_a_question_is_answered_once(used_up: Ledger, answer: object, state: ApprovalState) -> None:
    approval_id = ask_person(used_up)
    (approve if answer is approve else refuse)(used_up, approval_id, by="ada")
    for again in (approve, refuse):
        with pytest.raises(InvalidInput, match="no longer waits"):
            again(used_up, approval_id, by="bob")
    assert waiting(used_up) == []
    past = only(answered(used_up))
    assert (past.state, past.answered_by) == (state, "ada")
    assert past.answered_at is not None
    with used_up.read() as connection:
        assert state_of(connection, approval_id) is state


@pytest.mark.parametrize("state", [ApprovalState.EXPIRED, ApprovalState.MOOT, ApprovalState.GONE])
def test_a_closed_question_cannot_be_answered(used_up: Ledger, state: ApprovalState) -> None:
    approval_id = ask_person(used_up)
    with used_up.write() as connection:
        assert close(connection, approval_id, state, datetime.now(UTC))
        assert not close(connection, approval_id, ApprovalState.MOOT, datetime.now(UTC))
    with pytest.raises(InvalidInput, match="no longer waits"):
        approve(used_up, approval_id, by="ada")
    assert only(answered(used_up)).state is state


def test_an_answer_is_not_overwritten_when_the_question_closes(used_up: Ledger) -> None:
    approval_id = ask_person(used_up)
    refuse(used_up, approval_id, by="ada")
    with used_up.write() as connection:
        assert not close(connection, approval_id, ApprovalState.EXPIRED, datetime.now(UTC))
        close_questions(connection, "meter", datetime.now(UTC))
    assert only(answered(used_up)).state is ApprovalState.REFUSED


def test_questions_of_one_meter_are_closed_and_those_of_another_wait_on(used_up: Ledger) -> None:
    ask_person(used_up, instance="dead")
    waiting_on = ask_person(used_up, instance="living")
    with used_up.write() as connection:
        close_questions(connection, "dead", datetime.now(UTC))
    assert only(waiting(used_up)).approval_id == waiting_on


def test_nobody_answers_a_question_that_was_never_asked(used_up: Ledger) -> None:
    with pytest.raises(InvalidInput):
        approve(used_up, "unheard of", by="ada")


def test_the_oldest_question_comes_first_and_the_newest_answer(used_up: Ledger) -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    asked = [ask_person(used_up, at=start + timedelta(minutes=minute)) for minute in (2, 0, 1)]
    by_age = [asked[1], asked[2], asked[0]]
    assert [one.approval_id for one in waiting(used_up)] == by_age
    for approval_id in asked:
        approve(used_up, approval_id, by="ada")
    assert [one.approval_id for one in answered(used_up, limit=2)] == asked[:0:-1]


@pytest.mark.parametrize(
    ("answer", "state"), [(approve_all, ApprovalState.APPROVED), (refuse_all, ApprovalState.REFUSED)]
)
def test_many_are_answered_at_once_and_those_that_were_answered_stay_so(
    used_up: Ledger, answer: Callable[..., int], state: ApprovalState
) -> None:
    first, second, third, later = (ask_person(used_up) for _ in range(4))
    other = approve if state is ApprovalState.REFUSED else refuse
    other(used_up, second, by="cli")
    assert answer(used_up, [first, second, third], by="tray") == 2
    told = {one.approval_id: one.state for one in answered(used_up)}
    assert told[first] is told[third] is state
    assert told[second] is not state
    assert [one.approval_id for one in waiting(used_up)] == [later]
