import json

import pytest

from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.approval_store import ApprovalState, answered, waiting
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from app.ledger.raise_store import live_raises
from tests.cli.conftest import Bursar
from tests.cli.samples import ask_person

TAGS = Tags(project="billing-api", agent="Claude Code")


@pytest.fixture
def asked(ledger: Ledger) -> str:
    cap = add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY,
        limit_nano_usd=10_000_000_000, time_zone="UTC",
    )  # fmt: skip
    return ask_person(ledger, TAGS, cap)


def test_the_only_waiting_call_needs_no_id(bursar: Bursar, ledger: Ledger, asked: str) -> None:
    listed = bursar("approvals", "list").out
    assert "Claude Code" in listed
    assert asked[-6:] in listed
    assert bursar("approvals", "approve").out == "Approved, up to $0.38: Claude Code in billing-api.\n"
    assert [answer.state for answer in answered(ledger)] == [ApprovalState.APPROVED]
    assert bursar("approvals", "list").out == "Nobody waits.\n"
    assert bursar("approvals", "approve").err.splitlines()[0] == "There is no waiting call"


@pytest.mark.parametrize("word", ["refuse", "deny"])
def test_a_call_is_refused_by_its_id(bursar: Bursar, ledger: Ledger, asked: str, word: str) -> None:
    assert bursar("approvals", word, asked[-6:]).out == "Refused: Claude Code in billing-api.\n"
    assert [answer.state for answer in answered(ledger)] == [ApprovalState.REFUSED]
    [told] = json.loads(bursar("approvals", "list", "--answered", "--json").out)
    assert (told["id"], told["state"], told["worst_usd"]) == (asked, "refused", "0.38")


def test_of_several_one_must_be_named(bursar: Bursar, ledger: Ledger, asked: str) -> None:
    from app.ledger.cap_store import list_caps

    ask_person(ledger, TAGS, list_caps(ledger)[0])
    assert bursar("approvals", "approve").err.splitlines()[0] == "Several waiting calls match"
    assert bursar("approvals", "approve", asked).status == 0
    assert len(waiting(ledger)) == 1


def test_a_whole_session_is_approved(bursar: Bursar, ledger: Ledger) -> None:
    cap = add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY,
        limit_nano_usd=10_000_000_000, time_zone="UTC",
    )  # fmt: skip
    tags = Tags(project="billing-api", agent="Claude Code", session="s-1")
    first = ask_person(ledger, tags, cap)
    ask_person(ledger, tags, cap)
    ask_person(ledger, Tags(project="billing-api", session="s-2"), cap)
    said = bursar("approvals", "approve", first, "--session").out
    assert said == "Approved for this session, past billing-api, today: Claude Code in billing-api.\n"
    assert [left.tags.session for left in waiting(ledger)] == ["s-2"]


def test_the_cap_that_holds_a_call_back_is_raised(bursar: Bursar, ledger: Ledger, asked: str) -> None:
    said = bursar("approvals", "raise", "2.50", "--hours", "2").out
    assert said.startswith("Raised by $2.50 until 2")
    (raised,) = live_raises(ledger, waiting(ledger)[0].cap_id)
    assert raised.amount_nano_usd == 2_500_000_000
    assert raised.until is not None
    assert bursar("approvals", "raise", "1").out == "Raised by $1.00 until its window ends: billing-api, today.\n"
    assert live_raises(ledger, waiting(ledger)[0].cap_id)[1].until is None
