"""Tools in Gemini's dialects: `functionCall` and `functionResponse`, code that Google runs, and tools on its side."""

from collections.abc import Mapping
from typing import Any

from app.core.tool_call import ToolOutcome, ToolResult
from proxy_addon.shapes.fields import items, mapping, text
from proxy_addon.shapes.result_marks import measured
from proxy_addon.shapes.tool_outcomes import gemini_shell_outcome, outcome_of_object, size_of
from proxy_addon.shapes.tool_watch import ToolWatch
from proxy_addon.shapes.turn_list import backwards

_SHELL = "run_shell_command"
_STREAMED = "functionCall"


class GeminiTools:
    """Watches the parts of one answer. Vertex may give a call's arguments in pieces, each a path and a value."""

    def __init__(self) -> None:
        self.watch = ToolWatch()
        self._code = 0

    def read_part(self, part: Mapping[str, Any]) -> None:
        """What one part says of tools."""
        if "functionCall" in part:
            self._read_call(mapping(part["functionCall"]))
        elif "executableCode" in part:
            self._code += 1
            self.watch.add("code_execution", self._mark(), mapping(part["executableCode"]), is_hosted=True)
        elif "codeExecutionResult" in part:
            ended = mapping(part["codeExecutionResult"])
            self.watch.answer(ToolResult(self._mark(), "", _code_outcome(ended), size_of(ended.get("output"))))
        elif "toolCall" in part:
            call = mapping(part["toolCall"])
            self.watch.add(text(call.get("toolType")).lower(), call.get("id"), call.get("args"), is_hosted=True)
        elif "toolResponse" in part:
            response = mapping(part["toolResponse"])
            told = mapping(response.get("response"))
            outcome = ToolOutcome.FAILED if told.get("error") else ToolOutcome.SUCCEEDED
            self.watch.answer(ToolResult(text(response.get("id")), "", outcome, size_of(told)))

    def _read_call(self, call: Mapping[str, Any]) -> None:
        pieces = items(call.get("partialArgs"))
        is_coming = self.watch.id_of(_STREAMED) is not None
        if not pieces and not call.get("willContinue") and not is_coming:
            self.watch.add(call.get("name"), call.get("id"), call.get("args"))
            return
        if not is_coming:
            self.watch.begin(_STREAMED, call.get("name"), call.get("id"))
        for piece in map(mapping, pieces):
            said = {key: value for key, value in piece.items() if key != "willContinue"}
            self.watch.grow(_STREAMED, repr(sorted(said.items(), key=lambda item: item[0])))
        if not call.get("willContinue"):
            self.watch.end(_STREAMED)

    def _mark(self) -> str:
        return f"code:{self._code}"


def carried_results(members: Mapping[str, Any]) -> tuple[ToolResult, ...]:
    """The results that a request carries: those after the last turn of the model."""
    contents = members.get("contents")
    found: list[ToolResult] = []
    for turn in map(mapping, backwards(contents)):
        if turn.get("role") == "model":
            break
        parts = turn.get("parts")
        responses = [_response(mapping(part)) for part in (parts if isinstance(parts, list) else [parts])]
        found[:0] = [result_of(response) for response in responses if response]
    return tuple(found)


def result_of(response: Mapping[str, Any]) -> ToolResult:
    """The result that a `functionResponse` carries."""
    name, told = text(response.get("name")), mapping(response.get("response"))
    return ToolResult(text(response.get("id")), name, _outcome(name, told), *measured(told))


def _response(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(part.get("functionResponse")) or mapping(part.get("function_response"))


def _outcome(name: str, told: Mapping[str, Any]) -> ToolOutcome:
    """Google's reference names the keys `error` and `output` for how a function ended."""
    if told.get("error"):
        return ToolOutcome.FAILED
    if name == _SHELL and "output" in told:
        return gemini_shell_outcome(told["output"])
    found = outcome_of_object(told)
    return ToolOutcome.SUCCEEDED if found is ToolOutcome.UNKNOWN and "output" in told else found


def _code_outcome(ended: Mapping[str, Any]) -> ToolOutcome:
    outcome = text(ended.get("outcome"))
    if not outcome or outcome == "OUTCOME_UNSPECIFIED":
        return ToolOutcome.UNKNOWN
    return ToolOutcome.SUCCEEDED if outcome == "OUTCOME_OK" else ToolOutcome.FAILED
