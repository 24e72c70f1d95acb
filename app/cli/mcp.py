"""`bursar mcp`: what an agent may ask about its own money, as an MCP server."""

import os

from app.cli import places


def serve() -> None:
    """An MCP server on standard input and output: an agent asks what it may spend, and you for more."""
    from app.services.agent_tools import AgentTools, key_in
    from app.services.mcp_server import agent_server

    places.keep_log("mcp")
    with places.opened_ledger() as ledger:
        agent_server(AgentTools(ledger, key_in(os.environ))).run("stdio")
