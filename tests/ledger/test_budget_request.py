from datetime import UTC, datetime, timedelta

from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.approval_store import ApprovalState, answered, waiting
from app.ledger.budget_request import PATIENCE, ask_for_budget, close_unattended, look_again
from app.ledger.cap_store import add_cap, cap_statuses
from app.ledger.engine import Ledger

NOW = datetime.now(UTC)
MINE = Tags(agent="me", virtual_key_id="mine")


def asked(ledger: Ledger) -> str:
    add_cap(ledger, scope=Scope.AGENT, scope_key="me", window=Window.TOTAL, limit_nano_usd=10, time_zone="UTC")
    [status] = cap_statuses(ledger, NOW)
    return ask_for_budget(ledger, MINE, status, 5, NOW)


def test_a_question_stands_with_its_cap_and_amount(ledger: Ledger) -> None:
    question = asked(ledger)
    [found] = waiting(ledger)
    assert (found.approval_id, found.worst_nano_usd, found.cap_name, found.tags) == (question, 5, "me, in total", MINE)


def test_it_stands_as_long_as_somebody_looks(ledger: Ledger) -> None:
    question = asked(ledger)
    look_again(ledger, question, NOW + timedelta(minutes=1))
    close_unattended(ledger, NOW + PATIENCE)
    assert look_again(ledger, question, NOW + timedelta(minutes=1)).state is ApprovalState.WAITING
    close_unattended(ledger, NOW + timedelta(minutes=1) + PATIENCE)
    [found] = answered(ledger)
    assert found.state is ApprovalState.GONE
