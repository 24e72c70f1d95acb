"""A virtual key can spend and ask, and nothing else (threat T8): every control verb is tried with it, over HTTP and by
the agent's own MCP server, and what a person has set is as it was."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.caps import Action, Cap
from app.core.errors import AppError
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.approval_store import approve, refuse, waiting
from app.ledger.cap_store import add_cap
from app.services.agent_tools import AgentTools
from app.services.mcp_server import agent_server
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

SET_BY_A_PERSON = (
    "caps", "virtual_keys", "provider_keys", "switches", "raises", "session_grants", "stopped_sessions", "cut_sessions",
    "price_overrides", "price_data", "instances",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
NOUNS = (
    "budget", "caps", "cap", "approvals", "approve", "approval", "keys", "key", "virtual_keys", "provider_keys",
    "raise", "raises", "pause", "resume", "stop", "settings", "prices", "ledger", "admin", "health", "", "mcp",
)  # fmt: skip
ROOTS = ("/bursar/{}", "/{}", "/api/{}", "/v1/{}", "/bursar/budget/{}", "/bursar/../{}", "//bursar/{}", "/BURSAR/{}")
TOOLS = {"remaining_budget", "spend_of_this_task", "estimate_call", "ask_for_more_budget", "why_was_i_refused"}


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, {"openai": played.url}) as started:
        yield started


@pytest.fixture(scope="module")
def cap(running: RunningMeter) -> Cap:
    """The cap that stops this agent: nothing is left of it."""
    return add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.TOTAL, limit_nano_usd=1,
        action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip


def authority(running: RunningMeter) -> dict[str, Any]:
    """All that a person has set, the limits in force, and the questions that were answered."""
    limits = "SELECT cap_id, window_key, limit_nano_usd FROM totals ORDER BY 1, 2"
    answers = "SELECT * FROM approvals WHERE state = 'approved' ORDER BY 1"
    with sqlite3.connect(f"file:{running.ledger.path}?mode=ro", uri=True) as connection:
        found = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in SET_BY_A_PERSON}
        found |= {asked: connection.execute(asked).fetchall() for asked in (limits, answers)}
    connection.close()
    return found


def spends(running: RunningMeter) -> bool:
    return post(running, CHAT, b'{"model": "gpt-5-mini", "messages": []}')[0] == 200


@pytest.mark.parametrize("method", METHODS)
def test_no_path_of_the_meter_changes_what_a_person_set(
    running: RunningMeter, played: Provider, cap: Cap, method: str
) -> None:
    assert not spends(running)
    before, seen = authority(running), len(played.seen)
    wishes = {"cap_id": cap.cap_id, "limit_nano_usd": 10**12, "limit": "1000", "amount": "1000", "action": "alert",
              "is_on": False, "state": "approved", "answer": "approve", "approved": True}  # fmt: skip
    body = json.dumps(wishes).encode()
    for root in ROOTS:
        for noun in NOUNS:
            path = root.format(noun)
            status, _headers, answer = post(running, f"{path}?limit=1000&approve=1", body, method=method)
            is_open = method == "GET" and path in ("/bursar/budget", "/bursar/health")
            assert (status, answer) == (403, b"") or is_open, (method, path)
    assert authority(running) == before
    assert len(played.seen) == seen
    assert not spends(running)


def test_no_header_approves_a_call(running: RunningMeter, played: Provider, cap: Cap) -> None:
    before, seen = authority(running), len(played.seen)
    names = ("approve", "approved", "approval", "approval-id", "excused", "cap", "limit", "raise", "hold", "mode")
    headers = {f"x-bursar-{name}": cap.cap_id for name in names} | {"x-bursar-grant": "1", "x-bursar-dry-run": "true"}
    assert post(running, CHAT, b'{"model": "gpt-5-mini", "messages": []}', headers=headers)[0] == 400
    assert authority(running) == before
    assert len(played.seen) == seen


def test_the_agents_own_server_has_no_verb_but_asking(running: RunningMeter) -> None:
    listed = asyncio.run(agent_server(AgentTools(running.ledger, running.token)).list_tools())
    assert {tool.name for tool in listed} == TOOLS


AMOUNTS = ("-5", "0", "nan", "inf", "1e400", "", "five", "$5; DROP", "99999999999999999999", "0.0000000000001")


@pytest.mark.parametrize("amount", AMOUNTS)
def test_what_is_no_amount_is_not_asked_for(running: RunningMeter, cap: Cap, amount: str) -> None:
    before = authority(running)
    with pytest.raises(AppError):
        AgentTools(running.ledger, running.token).ask_for_more(amount, 0)
    assert waiting(running.ledger) == []
    assert authority(running) == before


def test_asking_leaves_a_question_and_changes_nothing_until_a_person_answers(running: RunningMeter, cap: Cap) -> None:
    before, tools = authority(running), AgentTools(running.ledger, running.token)
    for _ in range(3):
        assert tools.ask_for_more("1000", 0)["granted"] is False
    [asked] = waiting(running.ledger)
    assert authority(running) == before
    assert not spends(running)
    refuse(running.ledger, asked.approval_id, by="me")
    assert tools.ask_for_more("1000", 0)["granted"] is False
    assert authority(running) == before
    assert not spends(running)


def test_an_answer_is_for_the_one_who_asked_for_that_amount_and_once(running: RunningMeter) -> None:
    """A replayed or another's answer opens nothing: the tool carries out the question that it asked itself."""
    key, token = issue_key(running.ledger, name="asker", tags=Tags(project="asker"))
    mine = add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="asker", window=Window.TOTAL, limit_nano_usd=1,
        action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip
    asker, other = AgentTools(running.ledger, token), AgentTools(running.ledger, token)
    asker.ask_for_more("0.50", 0)
    [asked] = waiting(running.ledger)
    approve(running.ledger, asked.approval_id, by="me")
    assert other.ask_for_more("1000", 0)["granted"] is False, "another question, which nobody has answered"
    assert asker.ask_for_more("1000", 0)["granted"] is True
    assert asker.ask_for_more("0.50", 0)["granted"] is False
    raised = [row for row in authority(running)["raises"] if mine.cap_id in row]
    assert [row[3] for row in raised] == [500_000_000], "what was asked for, whatever is said afterwards"
    assert key.key_id


def test_the_meter_tells_an_agent_of_its_own_caps_alone(running: RunningMeter, cap: Cap) -> None:
    _, token = issue_key(running.ledger, name="stranger", tags=Tags(project="elsewhere"))
    status, _headers, answer = post(running, "/bursar/budget", b"", method="GET", headers={"x-api-key": token})
    assert (status, json.loads(answer)["caps"]) == (200, [])
