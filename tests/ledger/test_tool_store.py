from datetime import timedelta

import pytest

from app.core.tags import Tags
from app.core.tool_call import ToolOutcome, ToolSum, ToolSums
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from app.ledger.tool_store import (
    key_tool_sums,
    task_tool_sums,
    tool_sums,
    tools_of_call,
)
from tests.ledger.tooling import START, book_call, result, use

FAILED, SUCCEEDED, UNKNOWN = ToolOutcome.FAILED, ToolOutcome.SUCCEEDED, ToolOutcome.UNKNOWN
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MINE = Tags(session="s", virtual_key_id="k", agent="claude", project="billing-api", task="fix")


def in_order(*sums: ToolSum) -> list[tuple[str, int, int, int, int, int]]:
    return [(one.name, one.calls, one.failed, one.unknown, one.retries, one.followed_nano_usd) for one in sums]


def of_the_day(ledger: Ledger, **only: str) -> ToolSums:
    return tool_sums(ledger, START, START + DAY, **only)


@pytest.fixture
def _work(ledger: Ledger) -> None:
    """A session whose Bash fails twice in the same way and then goes well, beside a search that fails once with it."""
    book_call(ledger, use("Bash", "make", "1"), use("mcp__web__find", "x", "2", server="web"), tags=MINE, at=START)
    carried = [result("1", FAILED), result("2", FAILED)]
    book_call(ledger, use("Bash", "make", "3"), results=carried, tags=MINE, cost=500, at=START + MINUTE)
    book_call(
        ledger, use("Bash", "make", "4"), results=[result("3", FAILED)], tags=MINE, cost=70, at=START + 2 * MINUTE
    )
    book_call(ledger, use("Read", "f", "5"), results=[result("4")], tags=MINE, cost=11, at=START + 3 * MINUTE)
    other = Tags(session="t", virtual_key_id="other", agent="codex", project="web-shop")
    book_call(ledger, use("exec", "ls", "9"), tags=other, at=START + 4 * MINUTE)


@pytest.mark.usefixtures("_work")
def test_sums_by_tool_with_those_that_failed_most_first(ledger: Ledger) -> None:
    found = of_the_day(ledger)
    assert in_order(*found.tools) == [
        ("Bash", 3, 2, 0, 2, 570),
        ("mcp__web__find", 1, 1, 0, 0, 500),
        ("Read", 1, 0, 1, 0, 0),
        ("exec", 1, 0, 1, 0, 0),
    ]
    assert [one.server for one in found.tools] == ["", "web", "", ""]
    assert [one.unanswered for one in found.tools] == [0, 0, 1, 1]
    assert [one.failed_percent for one in found.tools] == [66, 100, None, None]


@pytest.mark.usefixtures("_work")
def test_a_call_that_followed_two_failures_counts_once_in_the_total(ledger: Ledger) -> None:
    assert in_order(of_the_day(ledger).total) == [("All", 6, 3, 2, 2, 570)]


@pytest.mark.usefixtures("_work")
def test_sums_of_one_project_agent_session_task_or_key(ledger: Ledger) -> None:
    for found in (
        of_the_day(ledger, project="billing-api"),
        of_the_day(ledger, agent="claude", session="s"),
        task_tool_sums(ledger, "fix"),
        task_tool_sums(ledger, "s"),
        key_tool_sums(ledger, "k"),
    ):
        assert [one.name for one in found.tools] == ["Bash", "mcp__web__find", "Read"]
    assert tool_sums(ledger, START + DAY, START + 2 * DAY).tools == ()
    assert task_tool_sums(ledger, "").tools == ()


@pytest.mark.usefixtures("_work")
def test_the_tool_calls_of_a_call(ledger: Ledger) -> None:
    first = recent_calls(ledger)[-1]
    assert [tool.name for tool in tools_of_call(ledger, first.call_id)] == ["Bash", "mcp__web__find"]
    assert tools_of_call(ledger, "no such call") == ()


def test_a_call_without_a_price_that_followed_a_failure_is_told(ledger: Ledger) -> None:
    book_call(ledger, use("Bash", provider_id="1"))
    book_call(ledger, results=[result("1", FAILED)], cost=None, at=START + MINUTE)
    [bash] = of_the_day(ledger).tools
    assert (bash.followed_nano_usd, bash.followed_unpriced) == (0, 1)


def test_nothing_follows_a_failure_at_the_provider(ledger: Ledger) -> None:
    book_call(ledger, use("web_search", provider_id="1", is_hosted=True), hosted=[result("1", FAILED)])
    [search] = of_the_day(ledger).tools
    assert (search.failed, search.followed_nano_usd) == (1, 0)
