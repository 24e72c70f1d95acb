"""`bursar tools`: the tools that agents called, how often they failed, and what that cost."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.cli.spend import Since, since_words, start_of
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.core.tool_call import ToolSum, ToolSums


def show_tools(
    project: str = typer.Option("", help="Of this project alone."),
    agent: str = typer.Option("", help="Of this agent alone."),
    session: str = typer.Option("", help="Of this session alone."),
    since: Since = typer.Option(Since.WEEK, help="From when."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show which tools were called, which failed, and what the calls after a failure cost."""
    from app.insight.tools import tools_values
    from app.ledger.tool_store import tool_sums

    now = datetime.now(UTC)
    start = start_of(since, now, settings_zone(places.read_settings()))
    with places.opened_ledger() as ledger:
        found = tool_sums(ledger, start, now, project=project, agent=agent, session=session)
    if as_json:
        console.print_json({"since": since} | tools_values(found))
    elif not found.tools:
        console.say(f"No tool was called {since_words(since)}.")
    else:
        _print(found)


def _print(found: "ToolSums") -> None:
    from app.insight.tools import HEADERS

    rows = [_cells(tool) for tool in found.tools] + [_cells(found.total)]
    headers = ["Tool", "Server", *HEADERS[1:]]
    console.print_table(headers, rows, numbers=range(2, len(headers)))
    if found.total.unknown:
        console.tell("Unknown: no result came, or it said nothing of whether the tool failed.")
    if found.total.failed:
        console.tell("After failures: the calls that took a failure back to the model, at list price.")


def _cells(tool: "ToolSum") -> list[str]:
    from app.core.tool_call import shown_tool_name
    from app.insight.tools import tool_row

    name = shown_tool_name(tool.name, tool.server) or "(no name)"
    return [name, tool.server, *tool_row(tool)[1:]]
