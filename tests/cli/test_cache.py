import json
from typing import Any

import pytest

from app.core.call_input import CallInput, MissCause, ToolDefinition
from app.core.tags import Tags
from app.ledger.call_input_store import write_call_input
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call

TAGS = Tags(project="shop", agent="claude", task="fix", session="s1")
TOOLS = (ToolDefinition("Read", 300), ToolDefinition("mcp__maps__route", 100))


def book_input(ledger: Ledger, tags: Tags = TAGS, **values: Any) -> None:
    book_call(ledger, tags, 10**9)
    call = recent_calls(ledger, 1)[0]
    with ledger.write() as connection:
        write_call_input(connection, call, CallInput(call.call_id, **{"input_tokens": 50_000} | values))


def missed(cause: MissCause, lost: int | None, block: str = "") -> dict[str, Any]:
    tokens = {"resent_tokens": 40_000, "read_tokens": 10_000, "missed_tokens": 30_000}
    return tokens | {"lost_nano_usd": lost, "cause": cause, "changed_block": block}


@pytest.fixture
def _a_week(ledger: Ledger) -> None:
    defining: dict[str, Any] = {"tool_tokens": 4_000, "tool_nano_usd": 20_000_000, "tools": TOOLS}
    book_input(ledger, **defining)
    book_input(ledger, **defining, **missed(MissCause.TOOLS, 420_000_000, "tools: +mcp__maps__route"))
    book_input(ledger, Tags(session="s2", agent="codex"), **missed(MissCause.EXPIRED, 100_000_000, "idle for 9 min"))


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines() if line.strip(" ─")]


@pytest.mark.usefixtures("_a_week")
def test_what_was_lost_is_told_by_cause_session_and_tool(bursar: Bursar) -> None:
    out = bursar("cache").out
    assert "3 calls took 150.0k tokens of input. 80.0k of these had been sent before." in out
    assert "20.0k of those were read from a cache, 60.0k were paid in full: $0.52 more than reading." in out
    assert "Defining 2 tools took about 8.0k tokens, $0.04." in out
    told = rows(out)
    assert ["tools", "changed", "1", "30.0k", "$0.42"] in told
    assert ["s1", "claude", "tools", "changed", "(tools:", "+mcp__maps__route)", "1", "$0.42"] in told
    assert ["mcp__maps__route", "2", "2.0k", "$0.01"] in told


@pytest.mark.usefixtures("_a_week")
def test_a_task_or_a_session_is_looked_at_alone(bursar: Bursar) -> None:
    for name in ("fix", "s1"):
        assert "$0.42 more than reading" in bursar("cache", name).out
    assert "$0.10 more than reading" in bursar("cache", "--agent", "codex").out
    ran = bursar("cache", "nothing")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "No such task or session")


@pytest.mark.usefixtures("_a_week")
def test_scripts_get_exact_amounts(bursar: Bursar) -> None:
    told = json.loads(bursar("cache", "--json").out)
    assert (told["lost_usd"], told["missed_tokens"], told["calls"]) == ("0.52", 60_000, 3)
    assert [(one["cause"], one["lost_usd"]) for one in told["causes"]] == [
        ("tools changed", "0.42"),
        ("expired", "0.10"),
    ]
    assert [one["session"] for one in told["worst_sessions"]] == ["s1", "s2"]
    assert [(one["name"], one["uses"], one["usd"]) for one in told["tools"]] == [
        ("Read", 0, "0.03"),
        ("mcp__maps__route", 0, "0.01"),
    ]


def test_an_amount_that_nobody_knows_is_told_by_a_plus(bursar: Bursar, ledger: Ledger) -> None:
    book_input(ledger, **missed(MissCause.UNKNOWN, None))
    assert "$0.00+ more than reading" in bursar("cache").out


def test_where_nothing_was_called_nothing_is_told(bursar: Bursar) -> None:
    assert bursar("cache").out == "No call whose input can be told was made this week.\n"
