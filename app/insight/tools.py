"""What the tools of a run, a task or a week came to: in sentences, rows and values."""

from dataclasses import asdict
from typing import Any

from app.core.money import format_call_usd, format_exact_usd
from app.core.tool_call import ToolSum, ToolSums, shown_tool_name
from app.core.wording import counted

NAMED = 5
HEADERS = ("Tool", "Calls", "Failed", "Unknown", "Retries", "After failures")


def tool_name(tool: ToolSum) -> str:
    """A tool with the MCP server it belongs to: `Bash`, `create_issue of github`."""
    name = shown_tool_name(tool.name, tool.server) or "(no name)"
    return f"{name} of {tool.server}" if tool.server else name


def followed_cost(tool: ToolSum) -> str:
    """What the calls cost that carried its failures to the model; `—` where none did or the price is unknown."""
    if not tool.followed_nano_usd:
        return "—"
    return format_call_usd(tool.followed_nano_usd) + ("+" if tool.followed_unpriced else "")


def tools_line(sums: ToolSums) -> str:
    """One line: `31 tool calls, 3 failed, 2 tried again: Bash 20 (3 failed), Read 9`; empty where there are none."""
    total = sums.total
    if not total.calls:
        return ""
    parts = [counted(total.calls, "tool call"), *_ends(total)]
    shown = [f"{tool_name(tool)} {tool.calls:,}{_failed(tool)}" for tool in sums.tools[:NAMED]]
    if len(sums.tools) > NAMED:
        shown.append(counted(len(sums.tools) - NAMED, "other tool"))
    return f"{', '.join(parts)}: {', '.join(shown)}"


def tools_sentences(sums: ToolSums) -> tuple[str, ...]:
    """What a report says of tools: nothing where there were none."""
    total = sums.total
    if not total.calls:
        return ()
    said = [", ".join([counted(total.calls, "tool call"), *_ends(total)]) + "."]
    if total.followed_nano_usd:
        said.append(f"The calls that followed a failure cost {followed_cost(total)}.")
    return tuple(said)


def failing_rows(sums: ToolSums) -> tuple[tuple[str, ...], ...]:
    """A row for each tool that failed or was tried again, as under `HEADERS`."""
    return tuple(tool_row(tool) for tool in sums.tools if tool.failed or tool.retries)


def tool_row(tool: ToolSum) -> tuple[str, ...]:
    """A row as under `HEADERS`."""
    counts = (tool.calls, tool.failed, tool.unknown, tool.retries)
    return (tool_name(tool), *(f"{count:,}" for count in counts), followed_cost(tool))


def tools_values(sums: ToolSums) -> dict[str, Any]:
    """The sums for scripts: exact amounts in dollars as texts."""
    return {"tools": [_values(tool) for tool in sums.tools], "tools_total": _values(sums.total)}


def _ends(total: ToolSum) -> list[str]:
    told = ((total.failed, "failed"), (total.retries, "tried again"), (total.unknown, "with an unknown end"))
    return [f"{count:,} {what}" for count, what in told if count]


def _failed(tool: ToolSum) -> str:
    return f" ({tool.failed:,} failed)" if tool.failed else ""


def _values(tool: ToolSum) -> dict[str, Any]:
    values = asdict(tool)
    cost = format_exact_usd(values.pop("followed_nano_usd"))
    return values | {"failed_percent": tool.failed_percent, "followed_usd": cost}
