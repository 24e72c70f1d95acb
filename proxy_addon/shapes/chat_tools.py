"""Tools in Chat Completions: `tool_calls` and, before them, `function_call`; messages of the roles `tool`, `function`.

Groq's systems that search and run code by themselves tell it in `executed_tools`.
"""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import outcome_of, size_of
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import backwards

_LEGACY = -1
_TOLD_IN = frozenset({"tool_calls", "function_call", "executed_tools"})


def watch_choice(watch: ToolWatch, choice: Mapping[str, Any]) -> None:
    """What one choice of a chunk, or of a whole body, says of tools."""
    spoken = mapping(choice.get("delta")) or mapping(choice.get("message"))
    if _TOLD_IN.isdisjoint(spoken) and not choice.get("finish_reason"):
        return  # words, as nearly all chunks are
    number = choice.get("index")
    for position, call in enumerate(map(mapping, items(spoken.get("tool_calls")))):
        _watch_call(watch, (number, call.get("index", position)), call)
    if legacy := mapping(spoken.get("function_call")):
        _watch_call(watch, (number, _LEGACY), {"function": legacy})
    for tool in map(mapping, items(spoken.get("executed_tools"))):
        _watch_executed(watch, number, tool)
    if isinstance(choice.get("finish_reason"), str) or "message" in choice:
        watch.end_all()


def carried_results(members: Mapping[str, Any]) -> tuple[ToolResult, ...]:
    """The results that a request carries: those after the last message of the model. The protocol has no sign of a
    failure."""
    found: list[ToolResult] = []
    for message in map(mapping, backwards(members.get("messages"))):
        if message.get("role") == "assistant":
            break
        if message.get("role") in ("tool", "function"):
            content = message.get("content")
            told = (text(message.get("tool_call_id")), text(message.get("name") or message.get("tool_name")))
            found.append(ToolResult(*told, outcome_of(content), *measured(content)))
    return tuple(reversed(found))


def _watch_call(watch: ToolWatch, slot: object, call: Mapping[str, Any]) -> None:
    """Pieces go by their index. Some servers give all calls the same one, each whole and with an id of its own."""
    said = mapping(call.get("function")) or mapping(call.get("custom"))
    told = (said.get("name"), call.get("id"))
    known = watch.id_of(slot)
    if known is not None and text(call.get("id")) not in ("", known):
        watch.end(slot)
        known = None
    if known is None:
        watch.begin(slot, *told)
    else:
        watch.name(slot, *told)
    arguments = said.get("arguments", said.get("input"))
    if isinstance(arguments, dict):
        watch.begin(slot, *told, arguments)
    watch.grow(slot, arguments)


def _watch_executed(watch: ToolWatch, number: object, tool: Mapping[str, Any]) -> None:
    """Told twice in a stream: when it is begun, and with its output."""
    made_up = f"executed:{number}:{tool.get('index')}"
    watch.add(tool.get("type"), made_up, tool.get("arguments"), is_hosted=True)
    if "output" in tool:
        watch.answer(ToolResult(made_up, "", ToolOutcome.SUCCEEDED, size_of(tool["output"])))
