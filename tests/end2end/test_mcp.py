"""An agent's own MCP server, asked by the official SDK's client over its standard input and output."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from app.core.caps import Cap
from app.core.money import NANO_PER_CENT, NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.approval_store import approve, refuse, waiting
from app.ledger.cap_store import add_cap, cap_statuses
from app.ledger.key_store import revoke_key
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

REPOSITORY = Path(__file__).parents[2]
BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 4_500, "messages": []}).encode()
Ask = Callable[..., Awaitable[tuple[bool, Any]]]


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(1_000, 4_000)  # 0.825 cents
    with meter(home, {"openai": provider.url}) as started:
        yield started


@asynccontextmanager
async def agent(running: RunningMeter, token: str) -> AsyncIterator[Ask]:
    """A running `bursar mcp`, asked as an agent does; gives whether it failed, and the answer."""
    environment = {**os.environ, "BURSAR_HOME": str(running.home), "BURSAR_KEY": token, "PYTHONPATH": str(REPOSITORY)}
    server = StdioServerParameters(command=sys.executable, args=["-m", "app", "mcp"], env=environment)
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()

        async def ask(tool: str, **arguments: object) -> tuple[bool, Any]:
            result = await session.call_tool(tool, arguments)
            (content,) = result.content
            assert isinstance(content, TextContent)
            return result.isError, content.text if result.isError else json.loads(content.text)

        yield ask


def capped(running: RunningMeter, key: str, cents: int) -> Cap:
    return add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key=key, window=Window.DAY, limit_nano_usd=cents * NANO_PER_CENT,
        time_zone="UTC",
    )  # fmt: skip


def test_an_agent_learns_what_its_money_stands_at_and_nothing_of_others(running: RunningMeter) -> None:
    capped(running, "billing-api", 2)
    capped(running, "somebody-else", 5)
    key, other = issue_key(running.ledger, name="other", tags=Tags(project="somebody-else"))
    post(running, CHAT, BODY)
    running.calls(1)

    async def conversation() -> None:
        async with agent(running, running.token) as ask:
            failed, spent = await ask("spend_of_this_task")
            assert (failed, spent["calls"], spent["output_tokens"], spent["cost_usd"]) == (False, 1, 4_000, "0.00825")
            failed, budget = await ask("remaining_budget")
            assert [(cap["name"], cap["remaining_usd"]) for cap in budget["caps"]] == [
                ("billing-api, today", "0.01175")
            ]
            planned = {"model": "gpt-5-mini", "input_tokens": 1_000, "output_tokens": 4_000}
            failed, told = await ask("estimate_call", **planned)
            assert (told["provider"], told["cost_usd"], told["would_be_admitted"]) == ("openai", "0.00825", True)
            failed, told = await ask("estimate_call", **planned | {"output_tokens": 8_000})
            assert told["would_be_admitted"] is False
            failed, told = await ask("estimate_call", **planned | {"model": "no-such-model"})
            assert (failed, "has no known price" in told) == (True, True)
            assert await ask("why_was_i_refused") == (False, {"refusals": []})
        async with agent(running, other) as ask:
            assert (await ask("spend_of_this_task"))[1]["calls"] == 0
            assert [cap["name"] for cap in (await ask("remaining_budget"))[1]["caps"]] == ["somebody-else, today"]
            revoke_key(running.ledger, key.key_id)
            failed, told = await ask("remaining_budget")
            assert (failed, "was revoked" in told) == (True, True)

    asyncio.run(conversation())


def test_an_agent_asks_for_more_and_a_person_answers(running: RunningMeter) -> None:
    cap = capped(running, "billing-api", 2)

    async def answered(answer: Callable[..., None]) -> None:
        while not (asked := waiting(running.ledger)):
            await asyncio.sleep(0.02)
        assert (asked[0].cap_id, asked[0].worst_nano_usd) == (cap.cap_id, NANO_PER_USD)
        assert asked[0].model == "more budget"
        answer(running.ledger, asked[0].approval_id, by="me")

    async def conversation() -> None:
        wanted = {"amount_usd": "1"}
        async with agent(running, running.token) as ask:
            failed, told = await ask("ask_for_more_budget", **wanted, wait_seconds=0)
            assert (failed, told["granted"]) == (False, False)
            assert "stays open" in told["answer"]
            waited, _ = await asyncio.gather(ask("ask_for_more_budget", **wanted), answered(approve))
            assert waited == (False, {"granted": True, "answer": "$1.00 more for billing-api, today."})
            waited, _ = await asyncio.gather(ask("ask_for_more_budget", **wanted), answered(refuse))
            assert waited[1]["granted"] is False
            assert (await ask("ask_for_more_budget", amount_usd="2,50"))[0] is True

    asyncio.run(conversation())
    [status] = cap_statuses(running.ledger, datetime.now(UTC))
    assert status.limit_nano_usd == 2 * NANO_PER_CENT + NANO_PER_USD
    assert waiting(running.ledger) == []
