"""Tools in Gemini Interactions: steps of the kinds `*_call` and `*_result`. Facts: Google's SDK."""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import by_flag, outcome_of
from proxy_addon.shapes.tool_watch import ToolWatch

_FUNCTION, _MCP = "function_call", "mcp_server_tool_call"


def watch_event(watch: ToolWatch, event: Mapping[str, Any]) -> None:
    """What one event of a stream says of tools."""
    index = event.get("index")
    match event.get("event_type"):
        case "step.start":
            step = mapping(event.get("step"))
            if text(step.get("type")).endswith("_call"):
                told = (_name(step), step.get("id"), step.get("arguments"))
                watch.begin(index, *told, server=step.get("server_name"), is_hosted=step.get("type") != _FUNCTION)
            else:
                watch_step(watch, step)
        case "step.delta":
            delta = mapping(event.get("delta"))
            if delta.get("type") == "arguments_delta":
                watch.grow(index, delta.get("arguments"))
            elif text(delta.get("type")).endswith("_call"):
                watch.replace(index, delta.get("name"), delta.get("arguments"))
        case "step.stop":
            watch.end(index)


def watch_step(watch: ToolWatch, step: Mapping[str, Any]) -> None:
    """What a whole step says of tools. The end of a stream tells all steps again; their ids tell."""
    kind = text(step.get("type"))
    if kind.endswith("_call"):
        told = (_name(step), step.get("id"), step.get("arguments"))
        watch.add(*told, server=step.get("server_name"), is_hosted=kind != _FUNCTION)
    elif kind.endswith("_result"):
        result = _result(step)
        outcome = ToolOutcome.SUCCEEDED if result.outcome is ToolOutcome.UNKNOWN else result.outcome
        watch.answer(ToolResult(result.provider_id, "", outcome, result.result_bytes))


def carried_results(given: object) -> tuple[ToolResult, ...]:
    """The results that a request's input carries: those after the last step of the model."""
    found: list[ToolResult] = []
    for step in map(mapping, reversed(items(given) or [given])):
        if step.get("type") in ("model_output", _FUNCTION, "thought"):
            break
        if step.get("type") == "function_result":
            found.append(_result(step))
    return tuple(reversed(found))


def _name(step: Mapping[str, Any]) -> str:
    kind = text(step.get("type"))
    return text(step.get("name")) if kind in (_FUNCTION, _MCP) else kind.removesuffix("_call")


def _result(step: Mapping[str, Any]) -> ToolResult:
    outcome = by_flag(step.get("is_error"))
    if outcome is ToolOutcome.UNKNOWN:
        outcome = outcome_of(step.get("result"))
    return ToolResult(text(step.get("call_id")), text(step.get("name")), outcome, *measured(step.get("result")))
