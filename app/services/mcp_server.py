"""The tools of `app.services.agent_tools` as an MCP server on standard input and output, on the official SDK.

Each tool works in a thread of its own: the ledger and a waiting person must not hold up the protocol.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError

from app.core.errors import AppError
from app.services.agent_tools import AgentTools

INSTRUCTIONS = (
    "Bursar meters this session's model calls and stops them at caps that the user has set. Ask what is left before "
    "costly work, and ask the user for more when the work is worth it and the budget does not reach."
)
LONGEST_WAIT_S = 600


def agent_server(tools: AgentTools) -> FastMCP:
    """The server, ready to be run."""
    server = FastMCP("bursar", instructions=INSTRUCTIONS, log_level="ERROR")

    @server.tool()
    async def remaining_budget(provider: str = "", model: str = "") -> dict[str, Any]:
        """What is left of each cap that your calls count in: limit, spent, held, remaining, when it resets."""
        return await _told(lambda: tools.remaining_budget(provider, model))

    @server.tool()
    async def spend_of_this_task() -> dict[str, Any]:
        """What your calls have cost so far: number of calls, tokens by class, cache hits, dollars."""
        return await _told(tools.spend)

    @server.tool()
    async def estimate_call(
        model: str, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0, provider: str = ""
    ) -> dict[str, Any]:
        """What a planned model call would cost, and whether your caps would let it go. Cached tokens are a part of the
        input tokens."""
        return await _told(lambda: tools.estimate(model, input_tokens, output_tokens, cached_input_tokens, provider))

    @server.tool()
    async def ask_for_more_budget(amount_usd: str, wait_seconds: int = 50) -> dict[str, Any]:
        """Ask the user to raise your tightest cap by an amount in dollars, such as 2.50.
        Waits for the answer; when it has not come, call again to go on waiting."""
        given_up = threading.Event()
        wait_s = max(0, min(wait_seconds, LONGEST_WAIT_S))
        try:
            return await _told(lambda: tools.ask_for_more(amount_usd, wait_s, given_up.is_set))
        finally:
            given_up.set()

    @server.tool()
    async def why_was_i_refused() -> dict[str, Any]:
        """Your last calls that were not sent, newest first, and why."""
        return {"refusals": await _told(tools.refusals)}

    return server


async def _told[T](question: Callable[[], T]) -> T:
    """The answer, or its error in the words that a person would be told."""
    try:
        return await asyncio.to_thread(question)
    except AppError as error:
        raise ToolError(f"{error.title}. {error.message}") from None
