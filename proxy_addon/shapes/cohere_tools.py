"""Tools in Cohere's chat: `tool_calls` of both versions, messages of the role `tool`, `tool_results` of the first."""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolResult
from proxy_addon.shapes.chat_tools import carried_results as messages_results
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import outcome_of
from proxy_addon.shapes.tool_watch import ToolWatch


def watch_event(watch: ToolWatch, event: Mapping[str, Any]) -> None:
    """What one event of a stream, or a whole body, says of tools."""
    said = mapping(mapping(mapping(event.get("delta")).get("message")).get("tool_calls"))
    match event.get("type"):
        case "tool-call-start":
            watch.begin(event.get("index"), mapping(said.get("function")).get("name"), said.get("id"))
            watch.grow(event.get("index"), mapping(said.get("function")).get("arguments"))
        case "tool-call-delta":
            watch.grow(event.get("index"), mapping(said.get("function")).get("arguments"))
        case "tool-call-end":
            watch.end(event.get("index"))
        case _:
            _read_whole(watch, event)


def carried_results(members: Mapping[str, Any]) -> tuple[ToolResult, ...]:
    """The results that a request carries. The protocol has no sign of a failure."""
    results = [_first_version(mapping(one)) for one in items(members.get("tool_results"))]
    return (*messages_results(members), *results)


def _first_version(result: Mapping[str, Any]) -> ToolResult:
    """Known by its name: the first version has no ids."""
    outputs = items(result.get("outputs"))
    outcome = outcome_of(outputs[0]) if len(outputs) == 1 else outcome_of(outputs)
    return ToolResult("", text(mapping(result.get("call")).get("name")), outcome, *measured(outputs))


def _read_whole(watch: ToolWatch, event: Mapping[str, Any]) -> None:
    if event.get("event_type", "tool-calls-generation") != "tool-calls-generation":
        return  # the last event of the first version's stream tells all of them again
    message = mapping(event.get("message"))
    for call in map(mapping, items(message.get("tool_calls")) or items(event.get("tool_calls"))):
        function = mapping(call.get("function"))
        if function:
            watch.add(function.get("name"), call.get("id"), function.get("arguments"))
        else:
            watch.add(call.get("name"), call.get("generation_id"), call.get("parameters"))
