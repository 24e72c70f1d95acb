from datetime import timedelta

import pytest

from app.core.call_input import MissCause
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.ledger.accounts import account_between, account_of_task
from app.ledger.engine import Ledger
from tests.ledger.test_call_input_store import book_input, missed
from tests.ledger.tooling import START, book_call, result, use

MINUTE = timedelta(minutes=1)
MINE = Tags(session="s", virtual_key_id="k", agent="claude", task="fix")


@pytest.fixture
def _work(ledger: Ledger) -> None:
    """A tool that fails twice and then goes well; another agent's goes well at once."""
    book_call(ledger, use("Bash", "make", "1"), tags=MINE, cost=100)
    for number, cost in ((1, 500), (2, 70)):
        failure = result(f"{number}", ToolOutcome.FAILED)
        asked = use("Bash", "make", f"{number + 1}")
        book_call(ledger, asked, results=[failure], tags=MINE, cost=cost, at=START + number * MINUTE)
    book_call(ledger, results=[result("3")], tags=MINE, cost=11, at=START + 3 * MINUTE)
    other = Tags(session="t", virtual_key_id="o", agent="codex")
    book_call(ledger, use("exec", "ls", "9"), tags=other, cost=8)
    book_call(ledger, results=[result("9")], tags=other, cost=8, at=START + MINUTE)


@pytest.mark.usefixtures("_work")
@pytest.mark.parametrize("name", ["fix", "t"])
def test_an_account_tells_which_calls_carried_a_failure(ledger: Ledger, name: str) -> None:
    account = account_of_task(ledger, name)
    found = [(one.calls, one.cost_nano_usd) for part in (account.sums, account.after_failures) for one in part]
    assert found == {"fix": [(4, 681), (2, 570)], "t": [(2, 16)]}[name]


@pytest.mark.usefixtures("_work")
def test_an_account_of_a_time_has_the_failures_that_were_carried_in_it(ledger: Ledger) -> None:
    def followed(start: int, end: int, agent: str | None = None) -> int:
        account = account_between(ledger, START + start * MINUTE, START + end * MINUTE, agent=agent)
        return sum(one.cost_nano_usd for one in account.after_failures)

    assert followed(0, 9) == followed(0, 9, "claude") == 570
    assert (followed(0, 2), followed(2, 9), followed(3, 9), followed(0, 9, "codex")) == (500, 70, 0, 0)


def test_what_was_paid_for_again_is_told_by_cause_without_the_calls_after_failures(ledger: Ledger) -> None:
    for cause, lost in ((MissCause.TOOLS, 70), (MissCause.TOOLS, 30), (MissCause.EXPIRED, 5), (MissCause.MODEL, None)):
        book_input(ledger, **missed(cause, lost))
    book_input(ledger, at=START - timedelta(days=3), **missed(MissCause.SYSTEM, 9))
    account = account_between(ledger, START, START + timedelta(days=1), agent="a")
    found = {one.cause: (one.calls, one.missed_tokens, one.lost_nano_usd) for one in account.misses}
    assert found == {MissCause.TOOLS: (2, 1_000, 100), MissCause.EXPIRED: (1, 500, 5)}
    assert {one.kin for one in account.misses} == {one.kin for one in account.sums}
    assert len(account_of_task(ledger, "s").misses) == 3
