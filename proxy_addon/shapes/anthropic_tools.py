"""Tools in Anthropic Messages: `tool_use` blocks and those of server tools, and `tool_result` blocks."""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import by_flag, outcome_of, outcome_of_object, size_of
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import backwards

_USES = {"tool_use": False, "server_tool_use": True, "mcp_tool_use": True}
"""Kinds of blocks, and whether the provider runs the tool."""
_CLAUDE_CODE = "claude-cli/"


def watch_event(watch: ToolWatch, event: Mapping[str, Any]) -> None:
    """What one event of a stream, or a whole message, says of tools."""
    match event.get("type"):
        case "message":
            for block in map(mapping, items(event.get("content"))):
                _read_block(watch, block)
        case "content_block_start":
            _begin(watch, event.get("index"), mapping(event.get("content_block")))
        case "content_block_delta":
            watch.grow(event.get("index"), mapping(event.get("delta")).get("partial_json"))
        case "content_block_stop":
            watch.end(event.get("index"))


def carried_results(members: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[ToolResult, ...]:
    """The results that a request carries: those after the last message of the model."""
    is_telling = headers.get("user-agent", "").lower().startswith(_CLAUDE_CODE)
    found: list[ToolResult] = []
    for message in backwards(members.get("messages")):
        if mapping(message).get("role") == "assistant":
            break
        blocks = map(mapping, items(mapping(message).get("content")))
        found[:0] = [_result(block, is_telling) for block in blocks if block.get("type") == "tool_result"]
    return tuple(found)


def _result(block: Mapping[str, Any], is_telling: bool) -> ToolResult:
    """`is_telling`: this agent marks each failure."""
    outcome = by_flag(block.get("is_error"))
    if outcome is ToolOutcome.UNKNOWN:
        outcome = ToolOutcome.SUCCEEDED if is_telling else outcome_of(block.get("content"))
    return ToolResult(text(block.get("tool_use_id")), "", outcome, *measured(block.get("content")))


def _begin(watch: ToolWatch, index: object, block: Mapping[str, Any]) -> None:
    kind = block.get("type")
    if kind in _USES:
        told = (block.get("name"), block.get("id"), block.get("input"))
        watch.begin(index, *told, server=block.get("server_name"), is_hosted=_USES[kind])
    else:
        _read_block(watch, block)


def _read_block(watch: ToolWatch, block: Mapping[str, Any]) -> None:
    kind = block.get("type")
    if kind in _USES:
        told = (block.get("name"), block.get("id"), block.get("input"))
        watch.add(*told, server=block.get("server_name"), is_hosted=_USES[kind])
    elif isinstance(kind, str) and kind.endswith("_tool_result"):
        content = block.get("content")
        watch.answer(ToolResult(text(block.get("tool_use_id")), "", _hosted_outcome(block), size_of(content)))


def _hosted_outcome(block: Mapping[str, Any]) -> ToolOutcome:
    """A connector's result has a flag; that of a server tool is a list, or an object whose type tells an error."""
    if "is_error" in block:
        return by_flag(block["is_error"])
    content = block.get("content")
    inner = mapping(content)
    if text(inner.get("type")).endswith("_error"):
        return ToolOutcome.FAILED
    told = outcome_of_object(inner)
    return ToolOutcome.SUCCEEDED if told is ToolOutcome.UNKNOWN and (inner or isinstance(content, list)) else told
