"""Tools in OpenAI Responses and Realtime: items that end in `_call`, and those that end in `_call_output`."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_definitions import full_name
from proxy_addon.shapes.tool_outcomes import outcome_of, size_of
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import backwards

_CALL, _OUTPUT = "_call", "_output"
_NAMED = frozenset({"function_call", "custom_tool_call", "mcp_call"})
_RUN_BY_AGENT = frozenset(
    {"function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call", "computer_call"}
)
_ARGUMENTS = ("arguments", "input", "action", "operation", "queries", "code")
_RESULTS = ("output", "outputs", "results", "result", "action")
_ENDED = {"completed": ToolOutcome.SUCCEEDED, "failed": ToolOutcome.FAILED, "incomplete": ToolOutcome.FAILED}
_LOOKED_AT = 48
"""Items at a request's end. Agents that send all of a conversation bring all its results again and again, and the same
one is booked once; but between parallel calls and their results nothing tells where the last turn began. To look at all
of a long conversation's takes longer than to read the rest of it (measured with 128 results: 27 ms in place of 12)."""


def watch_item(watch: ToolWatch, item: Mapping[str, Any]) -> None:
    """What a finished item of an answer says of tools. Some items are told twice, by themselves and with the whole
    answer; their ids tell."""
    kind = text(item.get("type"))
    if not kind.endswith(_CALL):
        return
    is_hosted = kind not in _RUN_BY_AGENT and item.get("execution") != "client"
    mark = text(item.get("id")) if is_hosted else text(item.get("call_id")) or text(item.get("id"))
    name = (
        full_name(text(item.get("name")), text(item.get("namespace"))) if kind in _NAMED else kind.removesuffix(_CALL)
    )
    arguments = next((item[key] for key in _ARGUMENTS if item.get(key) is not None), None)
    before = len(watch.uses)
    watch.add(name, mark, arguments, server=item.get("server_label"), is_hosted=is_hosted)
    if is_hosted and len(watch.uses) > before:
        result = next((item[key] for key in _RESULTS if item.get(key) is not None), None)
        watch.answer(ToolResult(mark, "", _hosted_outcome(item), size_of(result)))


def carried_results(given: object) -> tuple[ToolResult, ...]:
    """The results among the last items of a request's input, up to the last message of the model. A conversation that
    goes on from a stored answer brings the new ones only."""
    found: list[ToolResult] = []
    for item in map(mapping, islice(backwards(given), _LOOKED_AT)):
        kind = text(item.get("type"))
        if kind in ("message", "") and item.get("role") == "assistant":
            break
        if kind.endswith(_CALL + _OUTPUT):
            found.append(result_of_item(item))
    return tuple(reversed(found))


def result_of_item(item: Mapping[str, Any]) -> ToolResult:
    """The result that an item carries."""
    output = item.get("output")
    return ToolResult(text(item.get("call_id")), "", _outcome(item, output), *measured(output))


def _outcome(item: Mapping[str, Any], output: object) -> ToolOutcome:
    """A patch's has a status that tells; that of other items says only that the item is whole."""
    if item.get("type") == "apply_patch_call_output":
        return _ENDED.get(text(item.get("status")), ToolOutcome.UNKNOWN)
    ends = [mapping(mapping(one).get("outcome")) for one in items(output)]
    if any(ends):
        return _shell_outcome([end for end in ends if end])
    return outcome_of(output)


def _shell_outcome(ends: Sequence[Mapping[str, Any]]) -> ToolOutcome:
    """Of the built-in shell, which tells of each command how it ended: by an exit code, or by running out of time."""
    is_good = all(end.get("type") == "exit" and end.get("exit_code") == 0 for end in ends)
    return ToolOutcome.SUCCEEDED if is_good else ToolOutcome.FAILED


def _hosted_outcome(item: Mapping[str, Any]) -> ToolOutcome:
    """What the provider says of a tool that it ran."""
    if item.get("error"):
        return ToolOutcome.FAILED
    if item.get("type") == "mcp_call" and "status" not in item:
        return ToolOutcome.SUCCEEDED
    return _ENDED.get(text(item.get("status")), ToolOutcome.UNKNOWN)
