"""Tools in Bedrock Converse: `toolUse` and `toolResult`, of the agent's tools and of Amazon's own."""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import outcome_of
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import backwards

_STATUSES = {"success": ToolOutcome.SUCCEEDED, "error": ToolOutcome.FAILED}


def watch_event(watch: ToolWatch, event: Mapping[str, Any]) -> None:
    """What one event of a stream, or a whole body, says of tools."""
    for block in map(mapping, items(mapping(mapping(event.get("output")).get("message")).get("content"))):
        _read_block(watch, block)
    if started := mapping(event.get("contentBlockStart")):
        begun = mapping(started.get("start"))
        if use := mapping(begun.get("toolUse")):
            told = (use.get("name"), use.get("toolUseId"))
            watch.begin(started.get("contentBlockIndex"), *told, is_hosted=_is_hosted(use))
        else:
            _read_block(watch, begun)
    if delta := mapping(event.get("contentBlockDelta")):
        watch.grow(delta.get("contentBlockIndex"), mapping(mapping(delta.get("delta")).get("toolUse")).get("input"))
    if "contentBlockStop" in event:
        watch.end(mapping(event["contentBlockStop"]).get("contentBlockIndex"))


def carried_results(members: Mapping[str, Any]) -> tuple[ToolResult, ...]:
    """The results that a request carries: those after the last message of the model."""
    found: list[ToolResult] = []
    for message in map(mapping, backwards(members.get("messages"))):
        if message.get("role") == "assistant":
            break
        results = [mapping(mapping(block).get("toolResult")) for block in items(message.get("content"))]
        found[:0] = [_result(result) for result in results if result]
    return tuple(found)


def _read_block(watch: ToolWatch, block: Mapping[str, Any]) -> None:
    if use := mapping(block.get("toolUse")):
        watch.add(use.get("name"), use.get("toolUseId"), use.get("input"), is_hosted=_is_hosted(use))
    if result := mapping(block.get("toolResult")):
        watch.answer(_result(result))


def _is_hosted(use: Mapping[str, Any]) -> bool:
    return use.get("type") == "server_tool_use"


def _result(result: Mapping[str, Any]) -> ToolResult:
    """`status` may be left out, and then what the content says counts."""
    content = result.get("content")
    parts = [mapping(part) for part in items(content)]
    told = [outcome_of(part.get("json", [part])) for part in parts]
    by_content = next((outcome for outcome in told if outcome is not ToolOutcome.UNKNOWN), ToolOutcome.UNKNOWN)
    outcome = _STATUSES.get(text(result.get("status")), by_content)
    return ToolResult(text(result.get("toolUseId")), "", outcome, *measured(content))
